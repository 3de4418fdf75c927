"""Metrics of resamples against scikit-learn on the repeated rows, and with sample weights."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from kmlc.objectives import resampled_metrics
from kmlc.objectives.bootstrap import resamples, weights_of
from kmlc.objectives.metrics import batch_macro_f1, evaluate, per_class
from kmlc.objectives.resampled_metrics import Ranking, ResampledClasses, ResampledMultilabel, weighted_auroc

Problem = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Labels, scores with ties, and predicted labels; rows without labels and classes without rows."""
    rows, classes = draw(st.integers(1, 14)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.random((rows, classes)) < rng.choice([0, 0.2, 0.6], classes)
    scores = (rng.integers(0, 6, (rows, classes)) / 5).astype(np.float32)
    return labels, scores, scores >= rng.choice([0.5, 0.9, 2], classes)


def drawn(labels: np.ndarray) -> np.ndarray:
    """Return five resamples, and all rows once."""
    draws = next(resamples(len(labels), 5, seed=0))
    return np.concatenate([draws, np.arange(len(labels))[None]])


@given(problems())
@settings(max_examples=12)
def test_metrics_are_those_of_the_repeated_rows(problem: Problem) -> None:
    labels, scores, predicted = problem
    draws = drawn(labels)
    found = ResampledMultilabel(labels, scores, predicted, batch_size=4)(draws)
    unused = int((~(labels | predicted).any(axis=0)).sum())
    for place, rows in enumerate(draws):
        expected = evaluate(labels[rows], scores[rows], predicted[rows])
        expected["batch_macro_f1"] = batch_macro_f1(labels[rows], scores[rows] >= 0.5, 4)
        # A class that the resample lacks is not in its macro-F1; one that no row has counts as 0.
        used = (labels[rows] | predicted[rows]).any(axis=0)
        f1 = [each["f1"] for each in per_class(labels[rows], scores[rows], predicted[rows])]
        expected["macro_f1"] = sum(value or 0 for value in f1) / max(used.sum() + unused, 1)
        assert set(found) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(
                found[name][place], np.nan if value is None else value, rtol=1e-6, atol=1e-12, err_msg=name
            )


@given(problems())
@settings(max_examples=12)
def test_metrics_of_all_rows_are_the_metrics(problem: Problem) -> None:
    labels, scores, predicted = problem
    found = ResampledMultilabel(labels, scores, predicted, 32)(np.arange(len(labels))[None])
    for name, value in evaluate(labels, scores, predicted).items():
        np.testing.assert_allclose(
            found[name], [np.nan if value is None else value], rtol=1e-12, atol=1e-12, err_msg=name
        )


@given(problems())
@settings(max_examples=12)
def test_classes_are_those_of_scikit_learn_with_sample_weights(problem: Problem) -> None:
    labels, scores, predicted = problem
    draws = drawn(labels)
    found = ResampledClasses(labels, scores, predicted)(draws)
    for place, weights in enumerate(weights_of(draws).T):
        for column, (truth, score, guess) in enumerate(zip(labels.T, scores.T, predicted.T, strict=True)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = reference.precision_recall_fscore_support(
                    truth,
                    guess,
                    sample_weight=weights,
                    average="binary",
                    zero_division=np.nan,
                    pos_label=True,
                )[:3]
            values = [found[name][place, column] for name in ("precision", "recall", "f1")]
            np.testing.assert_allclose(values, expected, rtol=1e-12)
            precision = found["average_precision"][place, column]
            if (weights * truth).any():
                np.testing.assert_allclose(
                    precision,
                    reference.average_precision_score(truth, score, sample_weight=weights),
                    rtol=1e-12,
                )
            else:
                assert np.isnan(precision)


def test_rankings_in_parts_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thresholds of a long ranking are not in memory at once."""
    rng = np.random.default_rng(0)
    labels, scores = rng.random((300, 3)) < 0.4, rng.random((300, 3)).astype(np.float32)
    draws = next(resamples(300, 10, seed=0))
    whole = ResampledMultilabel(labels, scores, scores > 0.5, 32)(draws)
    monkeypatch.setattr(resampled_metrics, "_BLOCK", 70)
    parts = ResampledMultilabel(labels, scores, scores > 0.5, 32)(draws)
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-12, err_msg=name)


@given(st.integers(2, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_auroc_is_that_of_scikit_learn_with_sample_weights(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, scores = rng.random(rows) < 0.4, rng.integers(0, 5, rows) / 4
    weights = weights_of(next(resamples(rows, 6, seed)))
    found = weighted_auroc(positive, scores, weights)
    for value, each in zip(found, weights.T, strict=True):
        if (each * positive).any() and (each * ~positive).any():
            expected = reference.roc_auc_score(positive, scores, sample_weight=each)
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)
        else:
            assert np.isnan(value)


@pytest.mark.slow
def test_long_ties_are_counted_exactly() -> None:
    """In float32 a sum of ones stays at 2^24."""
    count = 2**24 + 1000
    positive = np.zeros(count, bool)
    positive[0] = True
    ranking = Ranking(positive, np.zeros(count, np.float32), np.zeros(count, np.int8))
    assert ranking(np.ones((1, 1), np.float32)) == [1 / count]
