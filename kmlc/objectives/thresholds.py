"""Thresholds: from probabilities to labels. Fit them on validation rows only.

A cut of a class takes its k most probable rows, for any k that does not part equal probabilities. Its
threshold stands halfway between the last probability that is in and the first that is out.
"""

from collections.abc import Callable

import numpy as np

from kmlc.config import ThresholdsConfig
from kmlc.objectives.metrics import Average, f1, f1_of_counts


def decide(probabilities: np.ndarray, thresholds: np.ndarray, no_label: int | str) -> np.ndarray:
    """Return the labels of each row: those whose probability reaches the threshold, and a rule for none.

    Args:
        probabilities: float, shape (rows, classes).
        thresholds: one for each class, shape (classes,).
        no_label: for a row that got no label: "none" leaves it so, "top1" gives the most probable one, a
            number gives the class of that index (system 2).

    Returns:
        bool of shape (rows, classes).

    Example:
        decide(np.array([[0.9, 0.2], [0.1, 0.3]]), np.array([0.5, 0.5]), "top1")
        # [[True, False], [False, True]]
    """
    decided = probabilities >= thresholds
    if no_label == "none":
        return decided
    empty = np.flatnonzero(~decided.any(axis=1))
    classes = probabilities[empty].argmax(axis=1) if no_label == "top1" else np.full(len(empty), no_label)
    decided[empty, classes] = True
    return decided


def fit_thresholds(
    labels: np.ndarray, probabilities: np.ndarray, config: ThresholdsConfig, average: Average
) -> np.ndarray:
    """Fit the threshold of each class with the configured method.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        config: the method and what it needs.
        average: the F1 that `joint` makes high.

    Returns:
        float64 of shape (classes,).

    Example:
        fit_thresholds(labels, scores, ThresholdsConfig("joint"), "micro")
    """
    return METHODS[config.method](labels.astype(bool), probabilities, config, average)


def fixed(
    labels: np.ndarray, probabilities: np.ndarray, config: ThresholdsConfig, average: Average
) -> np.ndarray:
    """Return the configured value for every class."""
    return np.full(labels.shape[1], float(config.value))


def grid(
    labels: np.ndarray, probabilities: np.ndarray, config: ThresholdsConfig, average: Average
) -> np.ndarray:
    """Return for each class the value of the grid with the highest binary F1 (system 1).

    Of equals the one nearest 0.5, then the lower.
    """
    values = np.array(sorted(config.grid, key=lambda value: (abs(value - 0.5), value)), np.float64)
    decided = probabilities[None] >= values[:, None, None]
    hits = (decided & labels).sum(axis=1)
    scores = f1_of_counts(hits, decided.sum(axis=1), labels.sum(axis=0))
    return values[scores.argmax(axis=0)]


def curve(
    labels: np.ndarray, probabilities: np.ndarray, config: ThresholdsConfig, average: Average
) -> np.ndarray:
    """Return for each class the point of its precision-recall curve with the highest F1 (system 3), exactly.

    Of equals the lowest. A class that no row has gets 0.5.
    """
    thresholds = np.full(labels.shape[1], 0.5)
    for place in np.flatnonzero(labels.any(axis=0)):
        cuts = Cuts(probabilities[:, place])
        hits = cuts.cumulate(labels[:, place])
        scores = f1_of_counts(hits, cuts.sizes, labels[:, place].sum())
        thresholds[place] = cuts.threshold(len(scores) - 1 - int(scores[::-1].argmax()))
    return thresholds


def joint(
    labels: np.ndarray, probabilities: np.ndarray, config: ThresholdsConfig, average: Average
) -> np.ndarray:
    """Fit the thresholds together: coordinate ascent on the chosen F1.

    Each class in turn takes the cut that is best given all others, until no class gains. It starts from the
    better of 0.5 everywhere and `curve`, so it never ends below either.
    """
    starts = [np.full(labels.shape[1], 0.5), curve(labels, probabilities, config, average)]
    thresholds = max(starts, key=lambda start: f1(labels, probabilities >= start, average))
    all_cuts = [Cuts(column) for column in probabilities.T]
    decided = probabilities >= thresholds
    gained = True
    while gained:
        gained = False
        for place, cuts in enumerate(all_cuts):
            now = cuts.index_of(int(decided[:, place].sum()))
            decided[:, place] = False
            values = _VALUES[average](labels, decided, place, cuts)
            best = int(values.argmax())
            # Less is rounding, and could go round in circles.
            if values[best] > values[now] + 1e-12:
                now, gained = best, True
                thresholds[place] = cuts.threshold(best)
            decided[cuts.order[: cuts.sizes[now]], place] = True
    return thresholds


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
        """Return for each cut the sum of a value of each row, shape (rows,), over the rows it takes."""
        return np.concatenate([[0], np.cumsum(values[self.order])])[self.sizes]

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


def _micro(labels: np.ndarray, decided: np.ndarray, place: int, cuts: Cuts) -> np.ndarray:
    """Return the micro-F1 of each cut of a class, given what is decided for all others."""
    hits = (decided & labels).sum() + cuts.cumulate(labels[:, place])
    return f1_of_counts(hits, decided.sum() + cuts.sizes, labels.sum())


def _macro(labels: np.ndarray, decided: np.ndarray, place: int, cuts: Cuts) -> np.ndarray:
    """Return the class's own F1 of each cut: the others do not change with it."""
    return f1_of_counts(cuts.cumulate(labels[:, place]), cuts.sizes, labels[:, place].sum())


def _samples(labels: np.ndarray, decided: np.ndarray, place: int, cuts: Cuts) -> np.ndarray:
    """Return what each cut of a class adds to the sum of the rows' F1, given all others."""
    hits, number, true = (decided & labels).sum(axis=1), decided.sum(axis=1), labels.sum(axis=1)
    gains = f1_of_counts(hits + labels[:, place], number + 1, true) - f1_of_counts(hits, number, true)
    return cuts.cumulate(gains)


Values = Callable[[np.ndarray, np.ndarray, int, Cuts], np.ndarray]
_VALUES: dict[str, Values] = {"micro": _micro, "macro": _macro, "samples": _samples}

Method = Callable[[np.ndarray, np.ndarray, ThresholdsConfig, Average], np.ndarray]
METHODS: dict[str, Method] = {"fixed": fixed, "grid": grid, "curve": curve, "joint": joint}
"""By the name in `thresholds.method`."""
