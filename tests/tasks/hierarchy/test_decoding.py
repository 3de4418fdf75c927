import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kmlc.tasks.hierarchy.classes import Hierarchy
from kmlc.tasks.hierarchy.decoding import DECODINGS, decode, level_probabilities
from tests.tasks.hierarchy.hierarchies import ANIMALS, BIRD, DOG, JAY, PUG, classes, hierarchies


@st.composite
def problems(draw: st.DrawFn) -> tuple[Hierarchy, np.ndarray]:
    hierarchy = draw(hierarchies())
    shape = (draw(st.integers(1, 9)), len(hierarchy.superclasses) + len(hierarchy.subclasses))
    return hierarchy, draw(hnp.arrays(np.float32, shape, elements=st.floats(-1000, 1000, width=32)))


def test_probabilities_by_hand() -> None:
    logits = np.array([[0.0, 0.0, 0.0, np.log(2), 0.0], [1e4, -1e4, -1e4, 1e4, 1e4]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = level_probabilities(logits, ANIMALS)
    np.testing.assert_allclose(
        ours, [[0.5, 0.5, 0.25, 0.5, 0.25], [1, 0, 0, 0.5, 0.5]], rtol=1e-6, atol=1e-12
    )
    assert ours.dtype == np.float32


def test_decoding_by_hand() -> None:
    """First row: 0.6 bird but 0.9 pug; joint takes pug, 0.4 · 0.9 against 0.6 · 0.06."""
    scores = np.array([[0.6, 0.4, 0.06, 0.9, 0.04], [0.9, 0.1, 0.3, 0.4, 0.3], [0.1, 0.9, 0.1, 0.7, 0.2]])
    expected = {
        "independent": [(BIRD, PUG), (BIRD, PUG), (DOG, PUG)],
        "masked": [(BIRD, JAY), (BIRD, JAY), (DOG, PUG)],
        "joint": [(DOG, PUG), (BIRD, JAY), (DOG, PUG)],
    }
    assert set(expected) == set(DECODINGS)
    for method, pairs in expected.items():
        np.testing.assert_array_equal(decode(np.log(scores), ANIMALS, method), classes(*pairs))


@given(problems())
def test_decoding_agrees_with_a_loop_over_the_classes(problem: tuple[Hierarchy, np.ndarray]) -> None:
    hierarchy, logits = problem
    superclasses = len(hierarchy.superclasses)
    masked, joint = (decode(logits, hierarchy, method) for method in ("masked", "joint"))
    for predicted in (masked, joint):
        assert hierarchy.consistent(predicted).all()
    for row, scores in enumerate(logits.astype(np.float64)):
        ours, theirs = scores[:superclasses], scores[superclasses:]
        assert masked.superclasses[row] == max(range(superclasses), key=lambda index: ours[index])
        children = [k for k, parent in enumerate(hierarchy.parents) if parent == masked.superclasses[row]]
        assert masked.subclasses[row] == max(children, key=lambda index: theirs[index])
        # Both log-softmaxes shift all sums alike.
        sums = ours[list(hierarchy.parents)] + theirs
        assert sums[joint.subclasses[row]] == pytest.approx(sums.max(), abs=1e-9)


@given(problems())
def test_log_probabilities_work_as_logits(problem: tuple[Hierarchy, np.ndarray]) -> None:
    hierarchy, logits = problem
    once = level_probabilities(logits, hierarchy)
    with np.errstate(divide="ignore"):
        again = level_probabilities(np.log(once), hierarchy)
    np.testing.assert_allclose(again, once, atol=1e-6)
