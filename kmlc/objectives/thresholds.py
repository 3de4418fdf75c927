"""Thresholds: from probabilities to labels. Fit them on validation rows only.

A cut of a class takes its k most probable rows, for any k that does not part equal probabilities. Its
threshold stands halfway between the last probability that is in and the first that is out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kmlc.config import ThresholdsConfig
from kmlc.objectives.metrics import Average, f1, f1_of_counts

NoLabel = int | str
"""What a row that got no label is given: "none", "top1" (its most probable class), or a class's index."""


def predict_labels(probabilities: np.ndarray, thresholds: np.ndarray, no_label: NoLabel) -> np.ndarray:
    """Return the labels of each row: those whose probability reaches the threshold, and a rule for none.

    Args:
        probabilities: float, shape (rows, classes).
        thresholds: one for each class, shape (classes,).
        no_label: the rule for a row that got no label; a class's index is system 2's.

    Returns:
        bool of shape (rows, classes).

    Example:
        predict_labels(np.array([[0.9, 0.2], [0.1, 0.3]]), np.array([0.5, 0.5]), "top1")
        # [[True, False], [False, True]]
    """
    return _with_rule(probabilities >= thresholds, probabilities, no_label)


def _with_rule(predicted: np.ndarray, probabilities: np.ndarray, no_label: NoLabel) -> np.ndarray:
    """Return the predicted labels with the rule applied to rows without any."""
    if no_label == "none":
        return predicted
    predicted = predicted.copy()
    empty = np.flatnonzero(~predicted.any(axis=1))
    classes = probabilities[empty].argmax(axis=1) if no_label == "top1" else np.full(len(empty), no_label)
    predicted[empty, classes] = True
    return predicted


def fit_thresholds(
    labels: np.ndarray,
    probabilities: np.ndarray,
    config: ThresholdsConfig,
    average: Average,
    no_label: NoLabel = "none",
) -> np.ndarray:
    """Fit the threshold of each class with the configured method.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        config: the method and what it needs.
        average: the F1 that `joint` makes high.
        no_label: the rule for rows without a label, as `predict_labels` takes it; `joint` reckons with it.

    Returns:
        float64 of shape (classes,).

    Example:
        fit_thresholds(labels, scores, ThresholdsConfig("joint"), "micro", "top1")
    """
    problem = Problem(labels.astype(bool), probabilities, average, no_label)
    return METHODS[config.method](problem, config)


@dataclass(frozen=True)
class Problem:
    """What thresholds are fitted to: the arguments of `fit_thresholds` that are not settings of a method."""

    labels: np.ndarray
    probabilities: np.ndarray
    average: Average
    no_label: NoLabel

    def metric(self, thresholds: np.ndarray) -> float:
        """Return the chosen F1 of the labels that thresholds decide."""
        return f1(self.labels, predict_labels(self.probabilities, thresholds, self.no_label), self.average)


def fixed(problem: Problem, config: ThresholdsConfig) -> np.ndarray:
    """Return the configured value for every class."""
    return np.full(problem.labels.shape[1], float(config.value))


def grid(problem: Problem, config: ThresholdsConfig) -> np.ndarray:
    """Return for each class the value of the grid with the highest binary F1 (system 1).

    Of equals the one nearest 0.5, then the lower.
    """
    values = np.array(sorted(config.grid, key=lambda value: (abs(value - 0.5), value)), np.float64)
    predicted = problem.probabilities[None] >= values[:, None, None]
    true_positives = (predicted & problem.labels).sum(axis=1)
    scores = f1_of_counts(true_positives, predicted.sum(axis=1), problem.labels.sum(axis=0))
    return values[scores.argmax(axis=0)]


def curve(problem: Problem, config: ThresholdsConfig) -> np.ndarray:
    """Return for each class the point of its precision-recall curve with the highest F1 (system 3), exactly.

    Of equals the lowest. A class that no row has gets 0.5.
    """
    labels = problem.labels
    thresholds = np.full(labels.shape[1], 0.5)
    for place in np.flatnonzero(labels.any(axis=0)):
        cuts = Cuts(problem.probabilities[:, place])
        true_positives = cuts.cumulate(labels[:, place])
        scores = f1_of_counts(true_positives, cuts.sizes, labels[:, place].sum())
        thresholds[place] = cuts.threshold(len(scores) - 1 - int(scores[::-1].argmax()))
    return thresholds


def joint(problem: Problem, config: ThresholdsConfig) -> np.ndarray:
    """Fit the thresholds together: coordinate ascent on the chosen F1, the no-label rule included.

    Each class in turn takes the cut that is best given all others, until no class gains. It starts from the
    better of 0.5 everywhere and `curve`, so it never ends below either.
    """
    probabilities = problem.probabilities
    starts = [np.full(problem.labels.shape[1], 0.5), curve(problem, config)]
    thresholds = max(starts, key=problem.metric)
    all_cuts = [Cuts(column) for column in probabilities.T]
    predicted = probabilities >= thresholds
    gained = True
    while gained:
        gained = False
        for place, cuts in enumerate(all_cuts):
            now = cuts.index_of(int(predicted[:, place].sum()))
            predicted[:, place] = False
            values = _value_of_each_cut(problem, predicted, place, cuts)
            best = int(values.argmax())
            # Less is rounding, and could go round in circles.
            if values[best] > values[now] + 1e-12:
                now, gained = best, True
                thresholds[place] = cuts.threshold(best)
            predicted[cuts.order[: cuts.sizes[now]], place] = True
    return thresholds


def _value_of_each_cut(problem: Problem, others: np.ndarray, place: int, cuts: "Cuts") -> np.ndarray:
    """Return the chosen F1 for each cut of one class, given what is predicted for all others.

    A row's labels depend on whether the cut takes it, and on no other row: sums over the rows taken follow
    from cumulative sums in the order of the cuts.
    """
    excluded = _with_rule(others, problem.probabilities, problem.no_label)
    taken = others.copy()
    taken[:, place] = True
    return _VALUES[problem.average](problem.labels, excluded, taken, cuts)


class Cuts:
    """The cuts of one class, from none of the rows to all of them.

    Args:
        probabilities: the class's probabilities, shape (rows,).

    Attributes:
        order: row numbers, most probable first.
        sizes: how many rows each cut takes, ascending, from 0 to all.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        self.order = np.argsort(-probabilities, kind="stable")
        self._sorted = probabilities[self.order].astype(np.float64)
        parted = np.flatnonzero(self._sorted[:-1] > self._sorted[1:]) + 1
        self.sizes = np.concatenate([[0], parted, [len(probabilities)]])

    def cumulate(self, values: np.ndarray) -> np.ndarray:
        """Return for each cut the sum of the values, shape (rows, …), of the rows it takes."""
        sums = np.cumsum(values[self.order], axis=0)
        return np.concatenate([np.zeros_like(sums[:1]), sums])[self.sizes]

    def total(self, excluded: np.ndarray, taken: np.ndarray) -> np.ndarray:
        """Return for each cut the sum over all rows of one value if it takes the row, of another if not."""
        return excluded.sum(axis=0) + self.cumulate(taken.astype(float) - excluded)

    def index_of(self, size: int) -> int:
        """Return the number of the cut that takes `size` rows."""
        return int(np.searchsorted(self.sizes, size))

    def threshold(self, index: int) -> float:
        """Return the threshold that takes exactly the rows of a cut."""
        size = self.sizes[index]
        if size == 0:
            # Above 1, in float32 as well, if a probability is 1: nothing else leaves that row out.
            highest = self._sorted[0]
            return float((highest + 1) / 2 if highest < 1 else np.nextafter(np.float32(1), np.float32(2)))
        below = self._sorted[size] if size < len(self._sorted) else 0.0
        return float((self._sorted[size - 1] + below) / 2)


def _micro(labels: np.ndarray, excluded: np.ndarray, taken: np.ndarray, cuts: Cuts) -> np.ndarray:
    true_positives = cuts.total((excluded & labels).sum(axis=1), (taken & labels).sum(axis=1))
    return f1_of_counts(true_positives, cuts.total(excluded.sum(axis=1), taken.sum(axis=1)), labels.sum())


def _macro(labels: np.ndarray, excluded: np.ndarray, taken: np.ndarray, cuts: Cuts) -> np.ndarray:
    true_positives = cuts.total(excluded & labels, taken & labels)
    return f1_of_counts(true_positives, cuts.total(excluded, taken), labels.sum(axis=0)).mean(axis=1)


def _samples(labels: np.ndarray, excluded: np.ndarray, taken: np.ndarray, cuts: Cuts) -> np.ndarray:
    def scores(predicted: np.ndarray) -> np.ndarray:
        return f1_of_counts((predicted & labels).sum(axis=1), predicted.sum(axis=1), labels.sum(axis=1))

    return cuts.total(scores(excluded), scores(taken)) / len(labels)


_VALUES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, Cuts], np.ndarray]] = {
    "micro": _micro,
    "macro": _macro,
    "samples": _samples,
}

METHODS: dict[str, Callable[[Problem, ThresholdsConfig], np.ndarray]] = {
    "fixed": fixed,
    "grid": grid,
    "curve": curve,
    "joint": joint,
}
"""By the name in `thresholds.method`."""
