"""Metrics of many resamples of rows at once: those of `kmlc.objectives.metrics`, for weighted rows.

F1 comes from counts, which are products of the weights with sparse matrices of labels: their time grows with
the labels of a row, not with the classes. Average precision needs every score: with 20,000 rows, 1,000
classes and 1,000 resamples it takes most of the time, and the memory of the sorted rows, 4 bytes a score.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from kmlc.objectives.bootstrap import weights_of
from kmlc.objectives.metrics import f1_of_counts

_BLOCK = 2**22
"""Numbers in memory at a time for the thresholds of a ranking, one for each resample."""


class Ranking:
    """The average precision of scores, for weights of the rows that they belong to.

    It is scikit-learn's: the sum of the precision at each threshold, times the recall that it adds.

    Args:
        positive: which scores belong to a true label, bool, shape (scores,).
        scores: float, shape (scores,).
        owners: the row of each score, int, shape (scores,).
    """

    def __init__(self, positive: np.ndarray, scores: np.ndarray, owners: np.ndarray) -> None:
        order = np.argsort(-scores, kind="stable").astype(np.int32 if len(scores) < 2**31 else np.int64)
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # ties are one threshold
        found = np.cumsum(positive[order])[ends]
        # Thresholds that add no recall add nothing, so neither do scores below all true labels.
        adding = np.diff(found, prepend=0) > 0
        self._all_ends = np.append(0, ends[adding] + 1)
        self._positive_ends = np.append(0, found[adding])
        order = order[: self._all_ends[-1]]
        self._all = owners[order].astype(np.int32)
        self._positive = self._all[positive[order]]

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Return the average precision for each of the weights, float64 (resamples,).

        It is NaN where no true label has a weight.

        Args:
            weights: float32, shape (rows, resamples).
        """
        count = weights.shape[1]
        every, found, area = np.zeros(count), np.zeros(count), np.zeros(count)
        thresholds, at_once = len(self._all_ends) - 1, max(_BLOCK // count, 1)
        for start in range(0, thresholds, at_once):
            chosen = slice(start, start + at_once + 1)
            added = _sums(self._positive, self._positive_ends[chosen], weights)
            selected = every + np.cumsum(_sums(self._all, self._all_ends[chosen], weights), axis=0)
            true = found + np.cumsum(added, axis=0)
            area += np.sum(added * true / np.maximum(selected, 1), axis=0)
            every, found = selected[-1], true[-1]
        return np.divide(area, found, out=np.full(count, np.nan), where=found > 0)


def _sums(owners: np.ndarray, ends: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the sum of the weights of the owners between each end and the next, float64 (ends - 1, …)."""
    owners, ends = owners[ends[0] : ends[-1]], ends - ends[0]
    # float32 is exact up to 2^24; a resample draws a row once on average.
    exact = np.float32 if np.diff(ends).max(initial=0) < 2**22 else np.float64
    matrix = csr_array((np.ones(len(owners), exact), owners, ends), (len(ends) - 1, len(weights)))
    return np.asarray(matrix @ weights.astype(exact, copy=False), np.float64)


class ResampledClasses:
    """Precision, recall, F1 and average precision of each class.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        scores: float, same shape; higher for a more probable label.
        predicted: predicted labels, bool or 0/1, same shape.

    Example:
        bootstrap(ResampledClasses(labels, scores, predicted), len(labels), 1000, seed=42)["f1"].shape
        # (1000, classes)
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, predicted: np.ndarray) -> None:
        labels, predicted = labels.astype(bool), predicted.astype(bool)
        self._labels, self._scores = labels, scores
        self._counted = [
            csr_array(each.T, dtype=np.float32) for each in (labels & predicted, predicted, labels)
        ]

    @cached_property
    def _rankings(self) -> list[Ranking]:
        rows = np.arange(len(self._labels))
        columns = zip(self._labels.T, self._scores.T, strict=True)
        return [Ranking(labels, scores, rows) for labels, scores in columns]

    def __call__(self, draws: np.ndarray) -> dict[str, np.ndarray]:
        """Return the metrics by name, float64 (resamples, classes), NaN where one is undefined.

        Precision is undefined without a predicted label, recall and average precision without a true one, F1
        without either.
        """
        weights = weights_of(draws)
        return self.of_counts(weights) | {"average_precision": self.average_precision(weights)}

    def of_counts(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return precision, recall and F1 for each of the weights, float32 (rows, resamples)."""
        true_positives, predicted, true = (np.asarray(each @ weights, np.float64).T for each in self._counted)
        defined = predicted + true > 0
        return {
            "precision": _ratio(true_positives, predicted),
            "recall": _ratio(true_positives, true),
            "f1": np.where(defined, f1_of_counts(true_positives, predicted, true), np.nan),
        }

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """Return the average precision for each of the weights, float32 (rows, resamples)."""
        return np.stack([ranking(weights) for ranking in self._rankings], axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


class ResampledMultilabel:
    """The metrics of `kmlc.objectives.metrics.evaluate`, and `batch_macro_f1`.

    A resample lacks rare classes. A class without a true and a predicted label in it is not in its macro F1,
    unless no row at all has one: it then counts as 0, as in the metric of the rows.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        scores: probabilities, same shape.
        predicted: predicted labels, bool or 0/1, same shape.
        batch_size: rows of a batch of `batch_macro_f1`, in the order in which they were drawn.

    Example:
        bootstrap(ResampledMultilabel(labels, scores, predicted, 32), len(labels), 1000, 42)["micro_f1"]
    """

    def __init__(
        self, labels: np.ndarray, scores: np.ndarray, predicted: np.ndarray, batch_size: int
    ) -> None:
        labels, predicted = labels.astype(bool), predicted.astype(bool)
        self._classes = ResampledClasses(labels, scores, predicted)
        self._without_labels = int(np.sum(~(labels | predicted).any(axis=0)))
        rows, classes = labels.shape
        self._ranking = Ranking(labels.ravel(), scores.ravel(), np.repeat(np.arange(rows), classes))
        true_positives, found, true = (
            each.sum(axis=1).astype(np.float64) for each in (labels & predicted, predicted, labels)
        )
        self._of_rows = np.stack(
            [
                *(true_positives, found + true, f1_of_counts(true_positives, found, true)),
                *((labels != predicted).mean(axis=1), (labels == predicted).all(axis=1)),
            ]
        )
        self._batches = _ResampledBatches(labels, scores >= 0.5, batch_size)

    def __call__(self, draws: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the metrics by name, float64 (resamples,), NaN where one is undefined."""
        weights, rows = weights_of(draws), draws.shape[1]
        sums = self._of_rows @ weights
        f1 = self._classes.of_counts(weights)["f1"]
        defined = np.sum(~np.isnan(f1), axis=1) + self._without_labels
        precisions = self._classes.average_precision(weights)
        return {
            "micro_f1": 2 * sums[0] / np.maximum(sums[1], 1),
            "macro_f1": np.nansum(f1, axis=1) / np.maximum(defined, 1),
            "samples_f1": sums[2] / rows,
            "micro_map": self._ranking(weights),
            "macro_map": _ratio(np.nansum(precisions, axis=1), np.sum(~np.isnan(precisions), axis=1)),
            "hamming_loss": sums[3] / rows,
            "subset_accuracy": sums[4] / rows,
            "batch_macro_f1": self._batches(draws),
        }


class _ResampledBatches:
    """`kmlc.objectives.metrics.batch_macro_f1` of resamples, for predicted labels at a threshold of 0.5."""

    def __init__(self, labels: np.ndarray, predicted: np.ndarray, batch_size: int) -> None:
        self._true_positives = csr_array(labels & predicted, dtype=np.float64)
        self._both = csr_array(labels.astype(np.int8) + predicted, dtype=np.float64)
        self._batch_size = batch_size

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        count, rows = draws.shape
        starts = np.arange(0, rows, self._batch_size)
        ends = np.append((starts + rows * np.arange(count)[:, None]).ravel(), count * rows)
        batches = csr_array((np.ones(count * rows), draws.ravel(), ends), (len(ends) - 1, rows))
        # Only a class with a true positive in a batch has an F1 other than 0 there.
        f1 = (batches @ self._true_positives).multiply((batches @ self._both).power(-1)) * 2
        sums = np.asarray(f1.sum(axis=1)).reshape(count, len(starts))
        return np.asarray(sums.mean(axis=1) / self._both.shape[1])


def weighted_auroc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve for each of the weights, float64 (resamples,).

    It is the probability that a positive row has a higher score than another, where a tie counts half; NaN
    unless rows of both kinds have a weight.

    Args:
        positive: bool, shape (rows,).
        scores: float, shape (rows,).
        weights: float32, shape (rows, resamples).

    Example:
        weighted_auroc(np.array([False, True]), np.array([0.1, 0.9]), np.ones((2, 1), np.float32))  # [1.0]
    """
    _, group = np.unique(scores, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    weights = weights[order].astype(np.float64)
    true, false = (
        np.add.reduceat(weights * chosen[order][:, None], starts, axis=0) for chosen in (positive, ~positive)
    )
    below = np.cumsum(false, axis=0) - false / 2
    return _ratio(np.sum(true * below, axis=0), true.sum(axis=0) * false.sum(axis=0))
