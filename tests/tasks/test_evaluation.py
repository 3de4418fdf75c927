"""The evaluation of rows: the metrics are those of the run, and the intervals those of the rows drawn."""

import dataclasses

import numpy as np
import pytest

from kmlc.config import Config, TrainConfig
from kmlc.data.columns import strings
from kmlc.data.labels import Vocabulary
from kmlc.tasks.evaluation import CLASS_METRICS, Estimate, EvaluatedRows, evaluate_rows
from kmlc.tasks.multilabel import METRICS
from kmlc.tasks.multilabel.task import Multilabel
from kmlc.tasks.slices import Slice


def rows_of(labels: np.ndarray, logits: np.ndarray) -> EvaluatedRows:
    names = tuple(f"l{place}" for place in range(logits.shape[1]))
    task = Multilabel(Config(train=TrainConfig(batch_size=4)), Vocabulary(names, names))
    thresholds = dict.fromkeys(names, 0.5)
    return EvaluatedRows(task, thresholds, strings(map(str, range(len(labels))), len(labels)), labels, logits)


@pytest.fixture
def rows() -> EvaluatedRows:
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 3)) < 0.4).astype(np.uint8)
    labels[:, 2] = 0  # a class without positives
    return rows_of(labels, (2.0 * labels - 1 + rng.normal(0, 1.5, (60, 3))).astype(np.float32))


def test_every_metric_has_its_value_and_an_interval(rows: EvaluatedRows) -> None:
    found = evaluate_rows(rows, [], 200, seed=3)
    expected = rows.task.metrics(rows.labels, rows.logits, rows.thresholds)
    assert set(found.metrics) == set(METRICS)
    assert {name: each.value for name, each in found.metrics.items()} == expected
    for each in found.metrics.values():
        assert each.low is not None
        assert each.high is not None
        assert each.low < (each.value or 0) < each.high
    assert dataclasses.asdict(evaluate_rows(rows, [], 200, seed=3)) == dataclasses.asdict(found)
    assert evaluate_rows(rows, [], 200, seed=4).metrics != found.metrics


def test_classes_have_the_metrics_of_the_report(rows: EvaluatedRows) -> None:
    expected = rows.task.details(rows.labels, rows.logits, rows.thresholds)["per_class"]
    for each in evaluate_rows(rows, [], 50, 0).classes:
        assert each.support == expected[each.name]["support"]
        assert {name: value.value for name, value in each.metrics.items()} == {
            name: expected[each.name][name] for name in CLASS_METRICS
        }


def test_what_is_not_defined_has_no_interval(rows: EvaluatedRows) -> None:
    empty = evaluate_rows(rows, [], 50, 0).classes[2]
    assert empty.support == 0
    assert empty.metrics["recall"] == Estimate(0.0, None, None)
    assert empty.metrics["average_precision"] == Estimate(None, None, None)
    unlabelled = rows_of(np.zeros((5, 2), np.uint8), np.full((5, 2), -3, np.float32))
    assert evaluate_rows(unlabelled, [], 20, 0).metrics["macro_map"] == Estimate(None, None, None)


def test_a_single_row_and_a_single_class() -> None:
    found = evaluate_rows(rows_of(np.ones((1, 1), np.uint8), np.ones((1, 1), np.float32)), [], 20, 0)
    assert found.metrics["micro_f1"] == (1, 1, 1)
    assert found.classes[0].metrics["average_precision"] == (1, 1, 1)


def test_slices_are_evaluated_as_their_rows_alone(rows: EvaluatedRows) -> None:
    some = np.arange(0, 60, 3)
    (found,) = evaluate_rows(rows, [Slice("source", "web", some)], 100, 1).slices
    assert (found.by, found.value, found.rows) == ("source", "web", 20)
    assert found.metrics == evaluate_rows(rows.take(some), [], 100, 1).metrics


def test_labels_that_are_unknown_to_the_run_count_but_are_no_classes(rows: EvaluatedRows) -> None:
    labels = np.concatenate([rows.labels, np.ones((60, 1), np.uint8)], axis=1)
    found = evaluate_rows(dataclasses.replace(rows, labels=labels), [], 50, 0)
    assert len(found.classes) == 3
    assert found.metrics["subset_accuracy"] == (0, 0, 0)


def test_unknown_labels_that_no_taken_row_has_are_left_out(rows: EvaluatedRows) -> None:
    unknown = np.zeros((60, 2), np.uint8)
    unknown[5] = unknown[7, 1] = 1
    wide = dataclasses.replace(rows, labels=np.concatenate([rows.labels, unknown], axis=1))
    widths = [wide.take(np.array(some)).labels.shape[1] for some in ([5, 6], [6, 7], [6])]
    assert widths == [5, 4, 3]
    assert wide.take(np.arange(10, 60)).metrics == rows.take(np.arange(10, 60)).metrics


def test_a_value_outside_its_interval_is_noticed() -> None:
    assert Estimate(0.5, 0.6, 0.7).is_outside
    assert not Estimate(0.6, 0.6, 0.7).is_outside
    assert not Estimate(None, None, None).is_outside
