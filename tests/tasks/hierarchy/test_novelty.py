import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from kmlc.errors import UserError
from kmlc.tasks.hierarchy.classes import Classes, Hierarchy
from kmlc.tasks.hierarchy.novelty import (
    SCORES,
    fit_novelty_threshold,
    mark_novel,
    novelty_auroc,
    novelty_scores,
)

ANIMALS = Hierarchy(("bird", "dog"), ("jay", "pug", "owl"), (0, 1, 0))


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties and neighbouring floats, and which rows are novel; at least one is not."""
    rows = draw(st.integers(1, 15))
    values = st.one_of(
        st.sampled_from([-3.5, 0.0, 0.1, 1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0)]),
        st.floats(-1e6, 1e6),
    )
    novel = draw(hnp.arrays(bool, rows))
    novel[draw(st.integers(0, rows - 1))] = False
    return draw(hnp.arrays(np.float64, rows, elements=values)), novel


def test_scores_by_hand() -> None:
    """Logits log 3, log 1 are probabilities 3/4 and 1/4; logits log 6, log 2 as well."""
    logits = np.log([[3.0, 1.0], [6.0, 2.0]])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    expected = {
        "max_probability": [0.25, 0.25],
        "max_logit": [-math.log(3), -math.log(6)],
        "energy": [-math.log(4), -math.log(8)],
        "entropy": [entropy, entropy],
    }
    assert set(expected) == set(SCORES)
    for name, values in expected.items():
        np.testing.assert_allclose(SCORES[name](logits), values, rtol=1e-12)


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_finite_and_ordered_at_extreme_logits(name: str) -> None:
    """Where 1 - p rounds to 0, the more certain row still scores lower."""
    logits = np.array([[0.0, -1e4], [60.0, 0.0], [50.0, 0.0], [0.0, 0.0]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = SCORES[name](logits)
    assert np.isfinite(scores).all()
    assert scores[1] < scores[2] < scores[3]


def test_the_superclass_score_is_the_sum_of_both_heads() -> None:
    logits = np.log([[3.0, 1.0, 1.0, 1.0, 2.0]])
    superclasses, subclasses = novelty_scores(logits, ANIMALS, "max_probability")
    np.testing.assert_allclose([superclasses, subclasses], [[0.25 + 0.5], [0.5]])


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    """By hand: of the four pairs of a novel and a known row three are in order."""
    novel = np.array([0, 1, 0, 1])
    assert novelty_auroc(np.array([0.1, 0.3, 0.4, 0.8]), novel) == 0.75
    assert novelty_auroc(np.arange(3), np.zeros(3, bool)) is None
    assert novelty_auroc(np.arange(3), np.ones(3, bool)) is None


def test_threshold_by_hand() -> None:
    """Known 1, 2, 6 and novel 5, 7: above 3.5 are both novel ones and one of three known ones."""
    scores, novel = np.array([5.0, 1.0, 6.0, 2.0, 7.0]), np.array([1, 0, 0, 0, 1])
    assert fit_novelty_threshold(scores, novel) == 3.5


def test_ties_go_to_the_highest_threshold() -> None:
    """Above 1.5: 1/2 passes, all caught; above 3.5: all pass, 1/2 caught."""
    assert fit_novelty_threshold(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1])) == 3.5


def test_uninformative_scores_predict_no_novel_rows() -> None:
    scores, novel = np.array([1.0, 2.0, -3.0]), np.array([0, 0, 1])
    assert not (scores > fit_novelty_threshold(scores, novel)).any()


@given(problems())
def test_no_threshold_has_a_higher_balanced_accuracy(problem: tuple[np.ndarray, np.ndarray]) -> None:
    scores, novel = problem
    if not novel.any():
        novel = np.append(novel, True)
        scores = np.append(scores, scores[0])

    def balanced_accuracy(threshold: float) -> float:
        """As scikit-learn's, which is slow: the mean of the two kinds' recall."""
        caught = scores > threshold
        return float(np.mean(caught[novel]) + np.mean(~caught[~novel])) / 2

    threshold = fit_novelty_threshold(scores, novel)
    ours = balanced_accuracy(threshold)
    assert ours == pytest.approx(reference.balanced_accuracy_score(novel, scores > threshold))
    assert ours >= max(map(balanced_accuracy, [*scores, scores.min() - 1])) - 1e-12


@given(problems(), st.sampled_from([0.01, 0.5, 0.95, 1.0]))
def test_without_novel_rows_the_known_share_passes_and_no_lower_threshold_does(
    problem: tuple[np.ndarray, np.ndarray], share: float
) -> None:
    scores, _ = problem
    threshold = fit_novelty_threshold(scores, np.zeros(len(scores)), share)
    passing = scores <= threshold
    assert np.mean(passing) >= share
    assert np.mean(scores < scores[passing].max()) < share


def test_known_share_by_hand() -> None:
    scores = np.arange(20.0)
    assert fit_novelty_threshold(scores, np.zeros(20), 0.95) == 18.5
    assert fit_novelty_threshold(scores, np.zeros(20), 1.0) == 19.0


@given(problems())
def test_thresholds_lie_among_the_scores_and_survive_json(problem: tuple[np.ndarray, np.ndarray]) -> None:
    scores, novel = problem
    threshold = fit_novelty_threshold(scores, novel)
    assert scores.min() <= threshold <= scores.max()
    assert json.loads(json.dumps(threshold)) == threshold


def test_a_threshold_needs_known_rows() -> None:
    with pytest.raises(UserError, match="expected validation rows of known classes; got none"):
        fit_novelty_threshold(np.ones(2), np.ones(2))


def test_a_novel_superclass_makes_the_subclass_novel() -> None:
    predicted = Classes(np.array([0, 0, 1, 1]), np.array([2, 0, 1, 1]))
    scores = (np.array([0.1, 0.3, 0.2, 0.9]), np.array([0.1, 0.6, 0.5, 0.2]))
    marked = mark_novel(predicted, scores, (0.3, 0.5), ANIMALS)
    np.testing.assert_array_equal(marked.superclasses, [0, 0, 1, 2])
    np.testing.assert_array_equal(marked.subclasses, [2, 3, 1, 3])
    assert ANIMALS.consistent(marked).all()
