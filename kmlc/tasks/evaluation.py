"""The metrics of a run on a set of rows, with bootstrap intervals: of all rows, each class, and slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from kmlc.data.known_labels import without_absent
from kmlc.objectives.bootstrap import bootstrap, interval
from kmlc.objectives.metrics import per_class
from kmlc.objectives.resampled_metrics import ResampledClasses
from kmlc.tasks.slices import Slice
from kmlc.tasks.task import LabelPredictions, Task, Thresholds

CLASS_METRICS = ("precision", "recall", "f1", "average_precision")


class Estimate(NamedTuple):
    """A metric with its interval; None where it is not defined.

    Attributes:
        value: the metric of the rows.
        low: lower end of the interval.
        high: upper end.
    """

    value: float | None
    low: float | None
    high: float | None

    @property
    def is_outside(self) -> bool:
        """Whether the value is outside its own interval."""
        if self.value is None or self.low is None or self.high is None:
            return False
        return not self.low <= self.value <= self.high


@dataclass(frozen=True)
class EvaluatedRows:
    """Rows with labels and the logits of a run.

    Attributes:
        task: the task of the run.
        thresholds: its thresholds.
        ids: the image names, strings of shape (rows,).
        labels: uint8 (rows, classes); labels that are unknown to the run come last.
        logits: float32 (rows, classes of the run).
    """

    task: Task
    thresholds: Thresholds
    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "EvaluatedRows":
        """Return the given rows, in the given order; unknown labels that none of them has are excluded."""
        labels = without_absent(self.labels[rows], self.logits.shape[1])
        return replace(self, ids=self.ids[rows], labels=labels, logits=self.logits[rows])

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of the task."""
        return self.task.metrics(self.labels, self.logits, self.thresholds)

    @property
    def predictions(self) -> LabelPredictions:
        """The true and predicted labels."""
        return self.task.label_predictions(self.labels, self.logits, self.thresholds)

    @property
    def highlights(self) -> tuple[str, ...]:
        """The metrics to show where there is no room for all."""
        return tuple(dict.fromkeys([self.task.objective, self.task.curves[-1]]))

    def resampled(self, count: int, seed: int) -> dict[str, np.ndarray]:
        """Return the metrics of each resample, float64 (resamples,), NaN where one is not defined."""
        resampled = self.task.resampled(self.labels, self.logits, self.thresholds)
        return bootstrap(resampled, len(self), count, seed)


@dataclass(frozen=True)
class ClassEvaluation:
    """The metrics of one class.

    Attributes:
        name: its label, for display.
        support: number of rows that have the label.
        metrics: the metrics in `CLASS_METRICS`.
    """

    name: str
    support: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True)
class SliceEvaluation:
    """The metrics of some rows.

    Attributes:
        by: what the rows are grouped by.
        value: what these have in common.
        rows: number of rows.
        metrics: all metrics of the task.
    """

    by: str
    value: str
    rows: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True)
class Evaluation:
    """All metrics of a run on a set of rows.

    Attributes:
        rows: number of rows.
        metrics: all metrics of the task.
        classes: each class, in the order of the vocabulary.
        slices: groups of the rows.
    """

    rows: int
    metrics: Mapping[str, Estimate]
    classes: Sequence[ClassEvaluation]
    slices: Sequence[SliceEvaluation]


def evaluate_rows(rows: EvaluatedRows, slices: Sequence[Slice], resamples: int, seed: int) -> Evaluation:
    """Return the metrics of rows, of each class and of slices, with intervals.

    Args:
        rows: one row or more.
        slices: groups of them.
        resamples: number of resamples of the bootstrap.
        seed: draws them.

    Example:
        evaluate_rows(rows, [], resamples=1000, seed=42).metrics["micro_f1"].low
    """
    return Evaluation(
        len(rows),
        _estimates(rows, resamples, seed),
        _classes(rows, resamples, seed),
        [
            SliceEvaluation(
                each.by, each.value, len(each.rows), _estimates(rows.take(each.rows), resamples, seed)
            )
            for each in slices
        ],
    )


def estimate(value: float | None, resampled: np.ndarray) -> Estimate:
    """Return a metric with the interval of its resamples; none where the rows themselves have no metric."""
    if value is None:
        return Estimate(None, None, None)
    low, high = (None if np.isnan(end) else float(end) for end in interval(resampled))
    return Estimate(value, low, high)


def _estimates(rows: EvaluatedRows, resamples: int, seed: int) -> dict[str, Estimate]:
    values = rows.resampled(resamples, seed)
    return {name: estimate(value, values[name]) for name, value in rows.metrics.items()}


def _classes(rows: EvaluatedRows, resamples: int, seed: int) -> list[ClassEvaluation]:
    names, found = rows.task.vocabulary.display(), rows.predictions
    # Without the labels that are unknown to the run.
    labels, scores, predicted = (
        table[:, : len(names)] for table in (found.labels, found.scores, found.predicted)
    )
    values = bootstrap(ResampledClasses(labels, scores, predicted), len(rows), resamples, seed)
    return [
        ClassEvaluation(
            name,
            int(each["support"] or 0),
            {metric: estimate(each[metric], values[metric][:, place]) for metric in CLASS_METRICS},
        )
        for place, (name, each) in enumerate(zip(names, per_class(labels, scores, predicted), strict=True))
    ]
