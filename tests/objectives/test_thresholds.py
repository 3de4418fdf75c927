import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import precision_recall_curve

from kmlc.config import ThresholdsConfig
from kmlc.objectives.cuts import Cuts
from kmlc.objectives.metrics import AVERAGES, Average, f1
from kmlc.objectives.thresholds import METHODS, NoLabel, fit_thresholds, predict_labels


def fit(method: str, labels: np.ndarray, scores: np.ndarray, average: Average = "micro") -> np.ndarray:
    return fit_thresholds(labels, scores, ThresholdsConfig(method=method), average)  # type: ignore[arg-type]


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(2, 9), st.integers(1, 3)))
    labels = draw(hnp.arrays(bool, shape))
    # Few different values, so that equal probabilities are common.
    values = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0])
    return labels, draw(hnp.arrays(np.float32, shape, elements=values))


def test_predicted_labels_with_each_no_label_rule() -> None:
    scores = np.array([[0.9, 0.2, 0.1], [0.1, 0.3, 0.2], [0.5, 0.5, 0.5]], np.float32)
    thresholds = np.array([0.5, 0.5, 0.4])
    none = [[1, 0, 0], [0, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(predict_labels(scores, thresholds, "none"), none)
    np.testing.assert_array_equal(predict_labels(scores, thresholds, "top1"), [none[0], [0, 1, 0], none[2]])
    np.testing.assert_array_equal(predict_labels(scores, thresholds, 2), [none[0], [0, 0, 1], none[2]])


def test_fixed_uses_one_value_for_every_class() -> None:
    config = ThresholdsConfig("fixed", value=0.3)
    thresholds = fit_thresholds(np.ones((2, 2)), np.zeros((2, 2)), config, "micro")
    np.testing.assert_array_equal(thresholds, [0.3, 0.3])


def test_grid_by_hand() -> None:
    """First class: 0.65 separates true from false; second: 0.3; third: every value does, 0.5 is the tie's."""
    scores = np.array([[0.68, 0.32, 0.9], [0.6, 0.2, 0.1], [0.62, 0.1, 0.05]])
    labels = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(fit("grid", labels, scores), [0.65, 0.3, 0.5])


def test_curve_by_hand() -> None:
    """Scores in order: true, false, true, false. F1 of each cut: 2/3, 2/4, 4/5, 4/6."""
    scores, labels = np.array([[0.9], [0.8], [0.6], [0.2]]), np.array([[1], [0], [1], [0]])
    np.testing.assert_allclose(fit("curve", labels, scores), [0.4])


@given(problems())
def test_curve_equals_the_best_point_of_scikit_learns_curve(problem: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = problem
    thresholds = fit("curve", labels, scores)
    for truth, column, ours in zip(labels.T, scores.T, thresholds, strict=True):
        if not truth.any():
            assert ours == 0.5
            continue
        precision, recall, theirs = precision_recall_curve(truth, column)
        both = precision + recall
        best = np.argmax(2 * precision * recall / np.where(both > 0, both, 1))
        np.testing.assert_array_equal(column >= ours, column >= theirs[best])


@given(problems(), st.sampled_from(AVERAGES), st.sampled_from(["none", "top1", 0]))
@settings(max_examples=200)
def test_joint_is_a_local_optimum_and_at_least_its_starts(
    problem: tuple[np.ndarray, np.ndarray], average: Average, no_label: NoLabel
) -> None:
    """The no-label rule is applied, as it is in prediction."""
    labels, scores = problem

    def reached(thresholds: np.ndarray) -> float:
        return f1(labels, predict_labels(scores, thresholds, no_label), average)

    thresholds = fit_thresholds(labels, scores, ThresholdsConfig("joint"), average, no_label)
    assert reached(thresholds) >= reached(np.full(labels.shape[1], 0.5)) - 1e-9
    assert reached(thresholds) >= reached(fit("curve", labels, scores)) - 1e-9
    for place, column in enumerate(scores.T):
        for other in [*np.unique(column), 1.1]:
            moved = thresholds.copy()
            moved[place] = other
            assert reached(moved) <= reached(thresholds) + 1e-9


@pytest.mark.parametrize("average", AVERAGES)
def test_joint_mostly_finds_the_global_optimum(average: Average) -> None:
    """Coordinate ascent may end in a local optimum; on most small problems it does not."""
    rng = np.random.default_rng(5)
    reached = 0
    for _ in range(30):
        labels = rng.random((7, 2)) < 0.4
        scores = rng.random((7, 2)).astype(np.float32)
        cuts = itertools.product(*([*column, 1.1] for column in scores.T))
        best = max(f1(labels, scores >= np.array(cut), average) for cut in cuts)
        ours = f1(labels, scores >= fit("joint", labels, scores, average), average)
        assert ours <= best + 1e-9
        reached += ours >= best - 1e-9
    assert reached >= 24


@given(problems(), st.sampled_from(sorted(METHODS)))
def test_predictions_are_equal_after_json(problem: tuple[np.ndarray, np.ndarray], method: str) -> None:
    labels, scores = problem
    thresholds = fit(method, labels, scores)
    assert np.isfinite(thresholds).all()
    again = np.array(json.loads(json.dumps(thresholds.tolist())))
    np.testing.assert_array_equal(scores >= again, scores >= thresholds)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("no_label", ["none", "top1", 1])
def test_joint_equals_trying_every_cut(average: Average, no_label: NoLabel) -> None:
    """The kept counts give what predicting all labels anew for every cut gives, ties included."""
    rng = np.random.default_rng(3)
    for _ in range(25):
        labels = rng.random((int(rng.integers(2, 20)), 3)) < rng.random()
        scores = (np.round(rng.random(labels.shape) * 8) / 8).astype(np.float32)
        ours = fit_thresholds(labels, scores, ThresholdsConfig("joint"), average, no_label)
        np.testing.assert_array_equal(ours, _every_cut(labels, scores, average, no_label))


def _every_cut(labels: np.ndarray, scores: np.ndarray, average: Average, no_label: NoLabel) -> np.ndarray:
    def reached(thresholds: np.ndarray) -> float:
        return f1(labels, predict_labels(scores, thresholds, no_label), average)

    thresholds = max([np.full(labels.shape[1], 0.5), fit("curve", labels, scores)], key=reached)
    improved = True
    while improved:
        improved = False
        for place, column in enumerate(scores.T):
            cuts = Cuts(column)
            tried = [thresholds.copy() for _ in cuts.sizes]
            for index, each in enumerate(tried):
                each[place] = cuts.threshold(index)
            reaches = np.array([reached(each) for each in tried])
            # Sums in another order differ in the last digits: of equal cuts the first one is the best.
            best = tried[int(np.argmax(reaches >= reaches.max() - 1e-12))]
            if reached(best) > reached(thresholds) + 1e-12:
                thresholds, improved = best, True
    return thresholds
