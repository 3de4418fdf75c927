"""Two runs on the same rows, with labels in different orders."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from kmlc.config import Config, TrainConfig
from kmlc.data.columns import strings
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.tasks.comparison import compare_rows, matched
from kmlc.tasks.evaluation import EvaluatedRows, evaluate_rows
from kmlc.tasks.multilabel.task import Multilabel

RUNS = ("runs/a", "runs/b")
NAMES = ("1", "3", "18")
LABELS = (np.random.default_rng(0).random((80, 3)) < 0.4).astype(np.uint8)


def rows_of(noise: float, order: tuple[int, ...] = (0, 1, 2), seed: int = 1) -> EvaluatedRows:
    """Return the rows of a run whose vocabulary has this order, with logits that are as noisy."""
    logits = 2.0 * LABELS - 1 + np.random.default_rng(seed).normal(0, noise, LABELS.shape)
    names = tuple(NAMES[place] for place in order)
    task = Multilabel(Config(), Vocabulary(names, names))
    ids = strings(f"{number}.jpg" for number in range(len(LABELS)))
    columns = list(order)
    return EvaluatedRows(
        task, dict.fromkeys(names, 0.5), ids, LABELS[:, columns], logits[:, columns].astype(np.float32)
    )


def test_rows_are_matched_by_name() -> None:
    one, other = rows_of(1), rows_of(1).take(np.arange(79, 9, -1))
    first, second = matched(one, other, RUNS)
    assert first.tolist() == list(range(10, 80))
    assert other.ids[second].tolist() == one.ids[first].tolist()


def test_the_order_of_the_labels_does_not_matter() -> None:
    one, other = rows_of(0.5, seed=1), rows_of(2, seed=2)
    reordered = rows_of(2, (2, 0, 1), seed=2)
    assert [each.tolist() for each in matched(one, reordered, RUNS)] == [list(range(80))] * 2
    found, expected = compare_rows(one, reordered, 50, 0), compare_rows(one, other, 50, 0)
    assert (found.labels, found.exact_match) == (expected.labels, expected.exact_match)
    for name, each in expected.metrics.items():
        assert found.metrics[name].difference == pytest.approx(each.difference)


def test_differences_are_paired() -> None:
    one, other = rows_of(1, seed=1), rows_of(1.3, seed=1)
    found = compare_rows(one, other, 400, seed=5).metrics["micro_f1"]
    single = [evaluate_rows(rows, [], 400, seed=5).metrics["micro_f1"] for rows in (one, other)]
    assert (found.one, found.other) == (single[0].value, single[1].value)
    assert found.one is not None
    assert found.other is not None
    assert found.difference.value == found.one - found.other
    low, high = found.difference.low, found.difference.high
    assert low is not None
    assert high is not None
    # The errors are those of the same rows: the difference is known better than either metric.
    assert all(each.high - each.low > high - low for each in single if each.high and each.low)
    assert found.p is not None
    assert (found.p < 0.05) == (low > 0 or high < 0)


def test_a_run_does_not_differ_from_itself() -> None:
    found = compare_rows(rows_of(1), rows_of(1), 50, 0)
    for each in found.metrics.values():
        assert (each.difference, each.p) == ((0, 0, 0), 1)
    assert all((each.only_one, each.only_other, each.p) == (0, 0, 1) for each in found.labels)


def test_equal_predictions_do_not_differ_by_the_size_of_batches() -> None:
    """The F1 of batches of 32 and of 7 rows differed, with p < 0.05, between a run and itself."""
    one, other = rows_of(1), rows_of(1)
    config = Config(train=TrainConfig(batch_size=7))
    other = replace(other, task=Multilabel(config, other.task.vocabulary))
    found = compare_rows(one, other, 50, 0).metrics["batch_macro_f1"]
    assert (found.one, found.difference, found.p) == (one.metrics["batch_macro_f1"], (0, 0, 0), 1)


def test_mcnemar_counts_rows_that_only_one_gets_right() -> None:
    one, other = rows_of(0.6, seed=1), rows_of(1.5, seed=2)
    found = compare_rows(one, other, 20, 0)
    right = [rows.predictions.predicted == LABELS for rows in (one, other)]
    for place, each in enumerate(found.labels):
        first, second = right[0][:, place], right[1][:, place]
        assert (each.only_one, each.only_other) == ((first & ~second).sum(), (second & ~first).sum())
        expected = binomtest(each.only_one, each.only_one + each.only_other).pvalue
        assert each.p == pytest.approx(expected)
        assert each.p <= each.p_holm <= 3 * each.p + 1e-12
    whole = [each.all(axis=1) for each in right]
    assert found.exact_match.only_one == (whole[0] & ~whole[1]).sum()
    assert found.exact_match.name == "all labels of a row"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            replace(rows_of(1), task=Multilabel(Config(), Vocabulary(("1", "3", "9"), ("1", "3", "9")))),
            r"^runs/b: expected a run with the labels of runs/a; got others \(18 is in one of them\)$",
        ),
        (
            replace(rows_of(1), ids=strings(f"other/{number}.jpg" for number in range(80))),
            r"^runs/b: expected rows that runs/a is evaluated on too, .*\(first: other/0\.jpg and 0\.jpg\)$",
        ),
        (
            replace(rows_of(1), labels=1 - LABELS),
            r"^runs/b: expected the labels that rows have in runs/a; got others in 80 of 80 rows \(first: 0",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_line(other: EvaluatedRows, message: str) -> None:
    with pytest.raises(UserError, match=message):
        matched(rows_of(1), other, RUNS)
