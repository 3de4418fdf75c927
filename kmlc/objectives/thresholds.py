"""Thresholds, which turn probabilities into predicted labels. Fit them on validation rows only.

A cut of a class selects its k most probable rows, for any k that does not separate equal probabilities. Its
threshold is halfway between the lowest selected probability and the highest one below.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kmlc.config import ThresholdsConfig
from kmlc.objectives.metrics import Average, f1, f1_of_counts

NoLabel = int | str
"""What a row without a predicted label gets: "none", "top1" (its most probable class), or a class index."""


def predict_labels(probabilities: np.ndarray, thresholds: np.ndarray, no_label: NoLabel) -> np.ndarray:
    """Return the predicted labels: those whose probability is at least the threshold.

    Args:
        probabilities: float, shape (rows, classes).
        thresholds: one for each class, shape (classes,).
        no_label: the rule for a row without a predicted label; system 2 uses a class index.

    Returns:
        bool of shape (rows, classes).

    Example:
        predict_labels(np.array([[0.9, 0.2], [0.1, 0.3]]), np.array([0.5, 0.5]), "top1")
        # [[True, False], [False, True]]
    """
    return _with_rule(probabilities >= thresholds, probabilities, no_label)


def _with_rule(predicted: np.ndarray, probabilities: np.ndarray, no_label: NoLabel) -> np.ndarray:
    """Apply the no-label rule to the rows without a predicted label."""
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
        config: the method and its settings.
        average: the F1 that `joint` maximises.
        no_label: the rule for rows without a predicted label, as in `predict_labels`; only `joint` uses it.

    Returns:
        float64 of shape (classes,).

    Example:
        fit_thresholds(labels, scores, ThresholdsConfig("joint"), "micro", "top1")
    """
    problem = FitProblem(labels.astype(bool), probabilities, average, no_label)
    return METHODS[config.method](problem, config)


@dataclass(frozen=True)
class FitProblem:
    """The data and the objective of a fit: the arguments of `fit_thresholds` except the method's settings."""

    labels: np.ndarray
    probabilities: np.ndarray
    average: Average
    no_label: NoLabel

    def score(self, thresholds: np.ndarray) -> float:
        """Return the F1 of the labels predicted with thresholds."""
        return f1(self.labels, predict_labels(self.probabilities, thresholds, self.no_label), self.average)


def fixed(problem: FitProblem, config: ThresholdsConfig) -> np.ndarray:
    """Return the configured value for every class."""
    return np.full(problem.labels.shape[1], float(config.value))


def grid(problem: FitProblem, config: ThresholdsConfig) -> np.ndarray:
    """Return for each class the value of the grid with the highest binary F1 (system 1).

    Ties go to the value nearest 0.5, then to the lower one.
    """
    values = np.array(sorted(config.grid, key=lambda value: (abs(value - 0.5), value)), np.float64)
    predicted = problem.probabilities[None] >= values[:, None, None]
    true_positives = (predicted & problem.labels).sum(axis=1)
    scores = f1_of_counts(true_positives, predicted.sum(axis=1), problem.labels.sum(axis=0))
    return values[scores.argmax(axis=0)]


def curve(problem: FitProblem, config: ThresholdsConfig) -> np.ndarray:
    """Return for each class the point of its precision-recall curve with the highest F1 (system 3), exactly.

    Ties go to the lowest threshold. The threshold of a class without true labels is 0.5.
    """
    labels = problem.labels
    thresholds = np.full(labels.shape[1], 0.5)
    for place in np.flatnonzero(labels.any(axis=0)):
        cuts = Cuts(problem.probabilities[:, place])
        true_positives = cuts.cumulate(labels[:, place])
        scores = f1_of_counts(true_positives, cuts.sizes, labels[:, place].sum())
        thresholds[place] = cuts.threshold(len(scores) - 1 - int(scores[::-1].argmax()))
    return thresholds


def joint(problem: FitProblem, config: ThresholdsConfig) -> np.ndarray:
    """Fit all thresholds together: coordinate ascent on the chosen F1, with the no-label rule applied.

    Each class in turn moves to the best cut given all others, until none improves. It starts from the better
    of 0.5 everywhere and `curve`, so its F1 is at least that of both.
    """
    probabilities = problem.probabilities
    starts = [np.full(problem.labels.shape[1], 0.5), curve(problem, config)]
    thresholds = max(starts, key=problem.score)
    all_cuts = [Cuts(column) for column in probabilities.T]
    predicted = probabilities >= thresholds
    improved = True
    while improved:
        improved = False
        for place, cuts in enumerate(all_cuts):
            current = cuts.index_of(int(predicted[:, place].sum()))
            predicted[:, place] = False
            scores = _scores_of_cuts(problem, predicted, place, cuts)
            best = int(scores.argmax())
            # A smaller difference is rounding, and could make the loop endless.
            if scores[best] > scores[current] + 1e-12:
                current, improved = best, True
                thresholds[place] = cuts.threshold(best)
            predicted[cuts.order[: cuts.sizes[current]], place] = True
    return thresholds


def _scores_of_cuts(problem: FitProblem, others: np.ndarray, place: int, cuts: "Cuts") -> np.ndarray:
    """Return the chosen F1 for each cut of one class, given the predicted labels of all others.

    A row's predicted labels depend only on whether the cut selects that row, so the counts of all cuts are
    cumulative sums over the rows in the order of the cuts.
    """
    without = _with_rule(others, problem.probabilities, problem.no_label)
    with_label = others.copy()
    with_label[:, place] = True
    return _SCORES[problem.average](problem.labels, without, with_label, cuts)


class Cuts:
    """The cuts of one class, from no row to all rows.

    Args:
        probabilities: the class's probabilities, shape (rows,).

    Attributes:
        order: row numbers, most probable first.
        sizes: number of rows that each cut selects, ascending, from 0 to all.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        self.order = np.argsort(-probabilities, kind="stable")
        self._sorted = probabilities[self.order].astype(np.float64)
        between = np.flatnonzero(self._sorted[:-1] > self._sorted[1:]) + 1
        self.sizes = np.concatenate([[0], between, [len(probabilities)]])

    def cumulate(self, values: np.ndarray) -> np.ndarray:
        """Return for each cut the sum of the values, shape (rows, …), of the rows it selects."""
        sums = np.cumsum(values[self.order], axis=0)
        return np.concatenate([np.zeros_like(sums[:1]), sums])[self.sizes]

    def total(self, without: np.ndarray, with_label: np.ndarray) -> np.ndarray:
        """Return for each cut the sum of `with_label` over selected rows and of `without` over the others."""
        return without.sum(axis=0) + self.cumulate(with_label.astype(float) - without)

    def index_of(self, size: int) -> int:
        """Return the index of the cut that selects `size` rows."""
        return int(np.searchsorted(self.sizes, size))

    def threshold(self, index: int) -> float:
        """Return the threshold that selects exactly the rows of a cut."""
        size = self.sizes[index]
        if size == 0:
            # A row with probability 1 needs a threshold above 1, in float32 too.
            highest = self._sorted[0]
            return float((highest + 1) / 2 if highest < 1 else np.nextafter(np.float32(1), np.float32(2)))
        below = self._sorted[size] if size < len(self._sorted) else 0.0
        return float((self._sorted[size - 1] + below) / 2)


def _micro(labels: np.ndarray, without: np.ndarray, with_label: np.ndarray, cuts: Cuts) -> np.ndarray:
    true_positives = cuts.total((without & labels).sum(axis=1), (with_label & labels).sum(axis=1))
    return f1_of_counts(true_positives, cuts.total(without.sum(axis=1), with_label.sum(axis=1)), labels.sum())


def _macro(labels: np.ndarray, without: np.ndarray, with_label: np.ndarray, cuts: Cuts) -> np.ndarray:
    true_positives = cuts.total(without & labels, with_label & labels)
    return f1_of_counts(true_positives, cuts.total(without, with_label), labels.sum(axis=0)).mean(axis=1)


def _samples(labels: np.ndarray, without: np.ndarray, with_label: np.ndarray, cuts: Cuts) -> np.ndarray:
    def scores(predicted: np.ndarray) -> np.ndarray:
        return f1_of_counts((predicted & labels).sum(axis=1), predicted.sum(axis=1), labels.sum(axis=1))

    return cuts.total(scores(without), scores(with_label)) / len(labels)


_SCORES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, Cuts], np.ndarray]] = {
    "micro": _micro,
    "macro": _macro,
    "samples": _samples,
}

METHODS: dict[str, Callable[[FitProblem, ThresholdsConfig], np.ndarray]] = {
    "fixed": fixed,
    "grid": grid,
    "curve": curve,
    "joint": joint,
}
"""The function of each `thresholds.method`."""
