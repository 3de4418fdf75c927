import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from kmlc.objectives.metrics import AVERAGES, batch_macro_f1, evaluate, f1, per_class, probabilities

# Three rows, three classes; predicted at 0.5.
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]])
SCORES = np.array([[0.9, 0.6, 0.2], [0.4, 0.8, 0.1], [0.3, 0.1, 0.3]])
PREDICTED = SCORES >= 0.5


def test_metrics_by_hand() -> None:
    """True positives of the rows: 1, 1, 0; predicted 2, 1, 0; true 1, 2, 0."""
    metrics = evaluate(LABELS, SCORES, PREDICTED)
    assert metrics["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert metrics["samples_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics["hamming_loss"] == pytest.approx(2 / 9)
    assert metrics["subset_accuracy"] == pytest.approx(1 / 3)
    # Class 1: both true rows rank first. Class 2: the true row ranks first. Class 3 has no true row.
    assert metrics["macro_map"] == pytest.approx(1.0)
    # All scores in order: 0.9 true, 0.8 true, 0.6 false, 0.4 true.
    assert metrics["micro_map"] == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_per_class_by_hand() -> None:
    first, second, third = per_class(LABELS, SCORES, PREDICTED)
    assert first == {
        "support": 2,
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "average_precision": 1.0,
    }
    assert (second["precision"], second["recall"]) == (0.5, 1.0)
    assert (third["support"], third["f1"], third["average_precision"]) == (0, 0.0, None)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 12), st.integers(2, 5)))
    labels = draw(hnp.arrays(np.int8, shape, elements=st.integers(0, 1)))
    scores = draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    return labels, scores


@given(problems())
def test_metrics_equal_scikit_learns(problem: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = problem
    predicted = scores >= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics = evaluate(labels, scores, predicted)
    for average in AVERAGES:
        theirs = reference.f1_score(labels, predicted, average=average, zero_division=0)
        assert metrics[f"{average}_f1"] == pytest.approx(theirs, abs=1e-6)
        assert f1(labels, predicted, average) == metrics[f"{average}_f1"]
    assert metrics["hamming_loss"] == pytest.approx(reference.hamming_loss(labels, predicted), abs=1e-6)
    assert metrics["subset_accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted), abs=1e-6)
    seen = labels.any(axis=0)
    if seen.any():
        macro = reference.average_precision_score(labels[:, seen], scores[:, seen], average="macro")
        micro = reference.average_precision_score(labels, scores, average="micro")
        assert metrics["macro_map"] == pytest.approx(macro, abs=1e-6)
        assert metrics["micro_map"] == pytest.approx(micro, abs=1e-6)
    else:
        assert metrics["macro_map"] is None
        assert metrics["micro_map"] is None


@given(problems())
def test_per_class_follows_from_counts(problem: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = problem
    predicted = scores >= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes = per_class(labels, scores, predicted)
    for truth, column, found in zip(labels.T, predicted.T, classes, strict=True):
        true_positives = int((truth & column).sum())
        assert found["support"] == truth.sum()
        assert found["precision"] == true_positives / max(column.sum(), 1)
        assert found["recall"] == true_positives / max(truth.sum(), 1)
        assert found["f1"] == 2 * true_positives / max(column.sum() + truth.sum(), 1)
        assert (found["average_precision"] is None) == (not truth.any())


def test_a_single_class_is_not_a_binary_problem() -> None:
    """scikit-learn treats (n, 1) labels as binary; its micro-F1 is then accuracy, 0.67 here."""
    labels, predicted = np.array([[0], [0], [0]]), np.array([[0], [1], [0]])
    metrics = evaluate(labels, predicted.astype(float), predicted)
    assert [metrics[f"{average}_f1"] for average in AVERAGES] == [0, 0, 0]
    assert f1(np.array([[1], [1], [0]]), np.array([[1], [0], [0]]), "micro") == pytest.approx(2 / 3)
    assert metrics["hamming_loss"] == pytest.approx(1 / 3)
    assert metrics["subset_accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([1, 1, 0], [0.9, 0.2, 0.6], (2, 0.5, 0.5, 0.5, (1 + 2 / 3) / 2)),
        ([0, 0, 0], [0.9, 0.2, 0.6], (0, 0.0, 0.0, 0.0, None)),
        ([0, 0, 0], [0.1, 0.2, 0.3], (0, 0.0, 0.0, 0.0, None)),
        ([1, 1, 1], [0.9, 0.8, 0.7], (3, 1.0, 1.0, 1.0, 1.0)),
    ],
)
def test_per_class_of_a_single_class(
    labels: list[int], scores: list[float], expected: tuple[float | None, ...]
) -> None:
    column = np.array(scores)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = per_class(np.array(labels)[:, None], column, column >= 0.5)
    names = ("support", "precision", "recall", "f1", "average_precision")
    assert found == dict(zip(names, expected, strict=True))


def test_probabilities_are_exact_at_extreme_logits() -> None:
    logits = np.array([-1000.0, -20.0, 0.0, 2.0, 1000.0], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = probabilities(logits)
    np.testing.assert_allclose(scores, [0, 2.0611537e-9, 0.5, 0.8807971, 1], rtol=1e-6)
    assert scores.dtype == np.float32


def test_macro_f1_batch_by_batch() -> None:
    """A class that is neither true nor predicted in a batch counts as 0; the last batch is smaller."""
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    predictions = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    first = (2 / 3 + 1 + 0) / 3
    second = (0 + 0 + 1) / 3
    assert batch_macro_f1(labels, predictions, 2) == pytest.approx((first + second) / 2, abs=1e-12)
    whole = reference.f1_score(labels, predictions, average="macro", zero_division=0)
    assert batch_macro_f1(labels, predictions, 3) == pytest.approx(whole, abs=1e-12)
