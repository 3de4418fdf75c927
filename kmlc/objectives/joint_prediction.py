"""The F1 of all cuts of one class while the other classes stay as they are, from counts that are kept."""

import numpy as np

from kmlc.objectives.cuts import Cuts
from kmlc.objectives.metrics import Average, f1_of_counts


class JointPrediction:
    """Predicted labels of all classes with the counts that the F1 of another cut of one class needs.

    Args:
        labels: true labels, bool of shape (rows, classes).
        probabilities: float, same shape.
        thresholds: of the predicted labels to begin with, shape (classes,).
        average: the F1.
        no_label: the rule for a row without a predicted label: "none", "top1" or a class index.

    Attributes:
        predicted: the predicted labels before that rule, bool of shape (classes, rows).
    """

    def __init__(
        self,
        labels: np.ndarray,
        probabilities: np.ndarray,
        thresholds: np.ndarray,
        average: Average,
        no_label: int | str,
    ) -> None:
        self.labels = np.ascontiguousarray(labels.T)
        self.predicted = np.ascontiguousarray((probabilities >= thresholds).T)
        self._score = {"micro": self._micro, "macro": self._macro, "samples": self._samples}[average]
        self._true, self._true_of_class = self.labels.sum(axis=0), self.labels.sum(axis=1)
        self._predicted = self.predicted.sum(axis=0)
        self._predicted_of_class = self.predicted.sum(axis=1)
        true_positives = self.predicted & self.labels
        self._true_positives, self._true_positives_of_class = (
            true_positives.sum(axis=each) for each in (0, 1)
        )
        rows = np.arange(self.labels.shape[1])
        # The class that the no-label rule predicts in each row; none is a class of its own, never true.
        if no_label == "top1":
            self._rule = probabilities.argmax(axis=1)
        else:
            self._rule = np.full(len(rows), -1 if no_label == "none" else no_label)
        self._rule_counts = (self._rule >= 0).astype(int)
        self._rule_is_true = self.labels[self._rule, rows].astype(int) * self._rule_counts

    def select(self, place: int, rows: np.ndarray) -> None:
        """Predict a class in the given rows and in no others."""
        selected = np.zeros_like(self.predicted[place])
        selected[rows] = True
        change = selected.astype(int) - self.predicted[place]
        self._predicted += change
        self._true_positives += change * self.labels[place]
        self.predicted[place] = selected
        self._predicted_of_class[place] = len(rows)
        self._true_positives_of_class[place] = self.labels[place, rows].sum()

    def scores(self, place: int, cuts: Cuts) -> np.ndarray:
        """Return the chosen F1 for each cut of a class that is predicted nowhere, given all other classes.

        A row's predicted labels depend only on whether the cut selects that row, so the counts of all cuts
        are cumulative sums over the rows in the order of the cuts.
        """
        return self._score(place, cuts)

    def _counts(self, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's true positives and predicted labels without the class, then with it."""
        empty = self._predicted == 0
        return (
            self._true_positives + empty * self._rule_is_true,
            self._predicted + empty * self._rule_counts,
            self._true_positives + self.labels[place],
            self._predicted + 1,
        )

    def _micro(self, place: int, cuts: Cuts) -> np.ndarray:
        true_positives, predicted, true_positives_with, predicted_with = self._counts(place)
        return f1_of_counts(
            cuts.total(true_positives, true_positives_with),
            cuts.total(predicted, predicted_with),
            self._true.sum(),
        )

    def _samples(self, place: int, cuts: Cuts) -> np.ndarray:
        true_positives, predicted, true_positives_with, predicted_with = self._counts(place)
        without = f1_of_counts(true_positives, predicted, self._true)
        with_label = f1_of_counts(true_positives_with, predicted_with, self._true)
        return cuts.total(without, with_label) / len(self._true)

    def _macro(self, place: int, cuts: Cuts) -> np.ndarray:
        """Sum the F1 of this class and of all others.

        The others change only where this class's cut selects a row that was without a label: the label that
        the no-label rule had given it goes. Those changes are summed in the order of the cuts.
        """
        empty = (self._predicted == 0) & (self._rule >= 0)
        by_rule = empty & (self._rule == place)
        own = f1_of_counts(
            cuts.total(by_rule & self.labels[place], self.labels[place]),
            cuts.total(by_rule, np.ones_like(by_rule)),
            self._true_of_class[place],
        )
        rows = cuts.order[(empty & ~by_rule)[cuts.order]]
        rule, is_true = self._rule[rows], self._rule_is_true[rows]
        classes = len(self.labels)
        true_positives = self._true_positives_of_class + np.bincount(rule, is_true, classes)
        predicted = self._predicted_of_class + np.bincount(rule, minlength=classes)
        others = f1_of_counts(true_positives, predicted, self._true_of_class)
        others[place] = 0
        # Each class's own rows one after another, so that sums within a class are differences of sums.
        grouped = np.argsort(rule, kind="stable")
        rule, is_true = rule[grouped], is_true[grouped]
        first = np.searchsorted(rule, rule)
        gone = np.arange(len(rule)) - first + 1
        sums = np.concatenate([[0], np.cumsum(is_true)])
        gone_true = sums[1:] - sums[first]
        before = f1_of_counts(
            true_positives[rule] - gone_true + is_true, predicted[rule] - gone + 1, self._true_of_class[rule]
        )
        after = f1_of_counts(
            true_positives[rule] - gone_true, predicted[rule] - gone, self._true_of_class[rule]
        )
        changes = np.zeros(len(self._rule))
        changes[rows[grouped]] = after - before
        return (own + others.sum() + cuts.cumulate(changes)) / classes
