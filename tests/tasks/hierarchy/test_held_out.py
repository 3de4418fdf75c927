import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kmlc.config import HierarchyConfig
from kmlc.tasks.hierarchy.classes import Hierarchy
from kmlc.tasks.hierarchy.held_out import held_out


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 2**32 - 1), st.data())
def test_subclasses_are_drawn_evenly_from_the_superclasses(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    parents = np.repeat(np.arange(len(sizes)), sizes)
    count = data.draw(st.integers(0, len(parents) - len(sizes)))
    hierarchy = Hierarchy(
        tuple(map(str, range(len(sizes)))), tuple(map(str, range(len(parents)))), tuple(parents.tolist())
    )
    settings = HierarchyConfig(held_out_subclasses=count)
    out = held_out(hierarchy, settings, seed)
    assert not out[: len(sizes)].any()
    drawn = np.bincount(parents[out[len(sizes) :]], minlength=len(sizes))
    assert drawn.sum() == count
    # A superclass has fewer drawn than another, beyond a turn, only if it has but one subclass left.
    assert all(
        number >= drawn.max() - 1 or number == size - 1 for number, size in zip(drawn, sizes, strict=True)
    )
    np.testing.assert_array_equal(out, held_out(hierarchy, settings, seed))


def test_another_seed_draws_others() -> None:
    hierarchy = Hierarchy(("a",), tuple(map(str, range(50))), (0,) * 50)
    drawn = {held_out(hierarchy, HierarchyConfig(held_out_subclasses=5), seed).tobytes() for seed in range(5)}
    assert len(drawn) == 5
