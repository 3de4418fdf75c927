"""Thresholds, which turn probabilities into predicted labels. Fit them on validation rows only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kmlc.config import ThresholdsConfig
from kmlc.objectives.cuts import Cuts
from kmlc.objectives.joint_prediction import JointPrediction
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
    return _curve(problem, [Cuts(column) for column in problem.probabilities.T])


def _curve(problem: FitProblem, all_cuts: Sequence[Cuts]) -> np.ndarray:
    thresholds = np.full(len(all_cuts), 0.5)
    for place, (cuts, labels) in enumerate(zip(all_cuts, problem.labels.T, strict=True)):
        if labels.any():
            scores = f1_of_counts(cuts.cumulate(labels), cuts.sizes, labels.sum())
            thresholds[place] = cuts.threshold(len(scores) - 1 - int(scores[::-1].argmax()))
    return thresholds


def joint(problem: FitProblem, config: ThresholdsConfig) -> np.ndarray:
    """Fit all thresholds together: coordinate ascent on the chosen F1, with the no-label rule applied.

    Each class in turn moves to the best cut given all others, until none improves. It starts from the better
    of 0.5 everywhere and `curve`, so its F1 is at least that of both. After sorting, a round over the classes
    takes time in proportion to the rows times the classes.
    """
    all_cuts = [Cuts(column) for column in problem.probabilities.T]
    starts = [np.full(len(all_cuts), 0.5), _curve(problem, all_cuts)]
    thresholds = max(starts, key=problem.score)
    state = JointPrediction(
        problem.labels, problem.probabilities, thresholds, problem.average, problem.no_label
    )
    improved = True
    while improved:
        improved = False
        for place, cuts in enumerate(all_cuts):
            current = cuts.index_of(int(state.predicted[place].sum()))
            state.select(place, cuts.order[:0])
            scores = state.scores(place, cuts)
            best = int(scores.argmax())
            # A smaller difference is rounding, and could make the loop endless.
            if scores[best] > scores[current] + 1e-12:
                current, improved = best, True
                thresholds[place] = cuts.threshold(best)
            state.select(place, cuts.order[: cuts.sizes[current]])
    return thresholds


METHODS: dict[str, Callable[[FitProblem, ThresholdsConfig], np.ndarray]] = {
    "fixed": fixed,
    "grid": grid,
    "curve": curve,
    "joint": joint,
}
"""The function of each `thresholds.method`."""
