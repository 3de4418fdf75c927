"""Two runs compared on the same rows: paired differences of the metrics, and McNemar's test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kmlc.errors import UserError
from kmlc.markdown import counted
from kmlc.objectives.bootstrap import two_sided_p
from kmlc.objectives.paired_tests import holm, mcnemar
from kmlc.tasks.evaluation import Estimate, EvaluatedRows, estimate


@dataclass(frozen=True)
class Difference:
    """A metric of both runs.

    Attributes:
        one: that of the first run.
        other: that of the second run.
        difference: the first minus the second, with the interval of the paired resamples.
        p: two-sided p-value of no difference; None where a metric is not defined.
    """

    one: float | None
    other: float | None
    difference: Estimate
    p: float | None


@dataclass(frozen=True)
class McNemar:
    """Which of both runs is right where they differ.

    Attributes:
        name: the label, for display.
        only_one: number of rows that only the first run gets right.
        only_other: number of rows that only the second run gets right.
        p: exact two-sided p-value of no difference.
        p_holm: the same, corrected for the number of labels.
    """

    name: str
    only_one: int
    only_other: int
    p: float
    p_holm: float


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same rows.

    Attributes:
        rows: number of rows.
        metrics: all metrics of the task.
        exact_match: McNemar's test of whole rows, right if all labels are.
        labels: McNemar's test of each label, in the order of the first run.
    """

    rows: int
    metrics: Mapping[str, Difference]
    exact_match: McNemar
    labels: Sequence[McNemar]


def matched(one: EvaluatedRows, other: EvaluatedRows, runs: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the rows that both have, by image name, in the order of the first.

    Args:
        one: the rows of the first run.
        other: those of the second run.
        runs: both runs, for messages.

    Raises:
        UserError: if the runs have different labels, no row is in both, or a row has other true labels.
    """
    labels, others = (set(rows.task.vocabulary.unique_labels()) for rows in (one, other))
    if type(one.task) is not type(other.task) or labels != others:
        differing = sorted(labels ^ others)
        first = f" ({differing[0]} is in one of them)" if differing else ""
        raise UserError(f"{runs[1]}: expected a run with the labels of {runs[0]}; got others{first}")
    places = {name: place for place, name in enumerate(other.ids.tolist())}
    pairs = [(place, places[name]) for place, name in enumerate(one.ids.tolist()) if name in places]
    if not pairs:
        raise UserError(
            f"{runs[1]}: expected rows that {runs[0]} is evaluated on too, by their image names; got none "
            f"(first: {other.ids[0]} and {one.ids[0]})"
        )
    first, second = np.array(pairs).T
    width = len(labels)
    order = _order(one, other)
    differ = (one.labels[first, :width] != other.labels[second][:, order]).any(axis=1)
    if differ.any():
        raise UserError(
            f"{runs[1]}: expected the labels that rows have in {runs[0]}; got others in {differ.sum():,} of "
            f"{counted(len(pairs), 'row')} (first: {one.ids[first[differ][0]]})"
        )
    return first, second


def compare_rows(one: EvaluatedRows, other: EvaluatedRows, resamples: int, seed: int) -> Comparison:
    """Return the differences between two runs on the same rows.

    `batch_macro_f1` of both is that of the first run's batches: with others it differs for equal predictions.

    Args:
        one: the rows of the first run.
        other: the same rows of the second run, in the same order; the labels may have another order.
        resamples: number of resamples of the bootstrap, the same ones for both runs.
        seed: draws them.

    Example:
        compare_rows(one, other, resamples=1000, seed=42).metrics["micro_f1"].p
    """
    other = _in_batches_of(one, other)
    values = [rows.resampled(resamples, seed) for rows in (one, other)]
    metrics = [rows.metrics for rows in (one, other)]
    differences = {
        name: _difference(metrics[0][name], metrics[1][name], values[0][name], values[1][name])
        for name in metrics[0]
    }
    order = _order(one, other)
    correct = [rows.predictions.predicted == rows.predictions.labels for rows in (one, other)]
    whole = _mcnemar(["all labels of a row"], *(each.all(axis=1, keepdims=True) for each in correct))
    names = one.task.vocabulary.display()
    labels = _mcnemar(names, correct[0][:, : len(names)], correct[1][:, order])
    return Comparison(len(one), differences, whole[0], labels)


def _in_batches_of(one: EvaluatedRows, other: EvaluatedRows) -> EvaluatedRows:
    """Return the rows of the second run, to be measured in batches as large as those of the first."""
    task = other.task
    train = replace(task.config.train, batch_size=one.task.config.train.batch_size)
    return replace(other, task=type(task)(replace(task.config, train=train), task.vocabulary))


def _order(one: EvaluatedRows, other: EvaluatedRows) -> list[int]:
    """Return the place in the second run of each label of the first."""
    labels = other.task.vocabulary.unique_labels()
    return [labels.index(label) for label in one.task.vocabulary.unique_labels()]


def _difference(one: float | None, other: float | None, values: np.ndarray, others: np.ndarray) -> Difference:
    if one is None or other is None:
        return Difference(one, other, Estimate(None, None, None), None)
    return Difference(one, other, estimate(one - other, values - others), two_sided_p(values - others))


def _mcnemar(names: Sequence[str], correct: np.ndarray, others: np.ndarray) -> list[McNemar]:
    """Return the test of each column, from which predictions are right, bool (rows, columns)."""
    only_one, only_other = (correct & ~others).sum(axis=0), (others & ~correct).sum(axis=0)
    p_values = mcnemar(only_one, only_other)
    columns = (only_one.tolist(), only_other.tolist(), p_values.tolist(), holm(p_values).tolist())
    return [McNemar(*row) for row in zip(names, *columns, strict=True)]
