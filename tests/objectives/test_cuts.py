import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kmlc.objectives.cuts import Cuts


@given(hnp.arrays(np.float32, st.integers(1, 12), elements=st.floats(0, 1, width=32)))
def test_a_cut_selects_exactly_its_rows(scores: np.ndarray) -> None:
    cuts = Cuts(scores)
    assert cuts.sizes[0] == 0
    assert cuts.sizes[-1] == len(scores)
    for index, size in enumerate(cuts.sizes):
        selected = np.flatnonzero(scores >= np.array([cuts.threshold(index)]))
        assert sorted(cuts.order[:size]) == selected.tolist()
        assert cuts.index_of(len(selected)) == index


def test_equal_scores_are_never_separated() -> None:
    cuts = Cuts(np.array([0.5, 0.5, 0.2, 0.5]))
    assert cuts.sizes.tolist() == [0, 3, 4]
