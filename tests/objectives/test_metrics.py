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
DECIDED = SCORES >= 0.5


def test_by_hand() -> None:
    """Hits: rows 1, 1, 0; predicted 2, 1, 0; true 1, 2, 0."""
    metrics = evaluate(LABELS, SCORES, DECIDED)
    assert metrics["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert metrics["samples_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics["hamming_loss"] == pytest.approx(2 / 9)
    assert metrics["subset_accuracy"] == pytest.approx(1 / 3)
    # Class 1: both true ones lead. Class 2: the true one leads. Class 3 has none and does not count.
    assert metrics["macro_map"] == pytest.approx(1.0)
    # All scores in order: 0.9 true, 0.8 true, 0.6 false, 0.4 true.
    assert metrics["micro_map"] == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_per_class_by_hand() -> None:
    first, second, third = per_class(LABELS, SCORES, DECIDED)
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
def test_agrees_with_scikit_learn(problem: tuple[np.ndarray, np.ndarray]) -> None:
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


def test_a_single_class_is_no_binary_problem() -> None:
    """scikit-learn takes (n, 1) labels for binary ones; its micro-F1 is then accuracy, 0.67 here."""
    labels, predicted = np.array([[0], [0], [0]]), np.array([[0], [1], [0]])
    metrics = evaluate(labels, predicted.astype(float), predicted)
    assert [metrics[f"{average}_f1"] for average in AVERAGES] == [0, 0, 0]
    assert f1(np.array([[1], [1], [0]]), np.array([[1], [0], [0]]), "micro") == pytest.approx(2 / 3)


def test_probabilities() -> None:
    logits = np.array([-1000.0, -20.0, 0.0, 2.0, 1000.0], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = probabilities(logits)
    np.testing.assert_allclose(scores, [0, 2.0611537e-9, 0.5, 0.8807971, 1], rtol=1e-6)
    assert scores.dtype == np.float32


def test_macro_f1_batch_by_batch() -> None:
    """A class that a batch neither has nor gets counts as 0; the last batch is smaller."""
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    predictions = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    first = (2 / 3 + 1 + 0) / 3
    second = (0 + 0 + 1) / 3
    assert batch_macro_f1(labels, predictions, 2) == pytest.approx((first + second) / 2, abs=1e-12)
    whole = reference.f1_score(labels, predictions, average="macro", zero_division=0)
    assert batch_macro_f1(labels, predictions, 3) == pytest.approx(whole, abs=1e-12)
