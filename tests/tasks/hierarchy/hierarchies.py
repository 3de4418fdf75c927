"""The hierarchies that tests of the task draw, and one by hand."""

import numpy as np
from hypothesis import strategies as st

from kmlc.tasks.hierarchy.classes import Classes, Hierarchy

BIRD, DOG, NO_ANIMAL = 0, 1, 2
JAY, PUG, OWL, NO_KIND = 0, 1, 2, 3
ANIMALS = Hierarchy(("bird", "dog"), ("jay", "pug", "owl"), (BIRD, DOG, BIRD))


def classes(*pairs: tuple[int, int]) -> Classes:
    superclasses, subclasses = np.array(pairs).T
    return Classes(superclasses, subclasses)


@st.composite
def hierarchies(draw: st.DrawFn) -> Hierarchy:
    """Some superclasses with at least one subclass each."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    parents = draw(st.permutations([parent for parent, size in enumerate(sizes) for _ in range(size)]))
    return Hierarchy(
        tuple(f"s{index}" for index in range(len(sizes))),
        tuple(f"k{index}" for index in range(len(parents))),
        tuple(parents),
    )


@st.composite
def predictions(draw: st.DrawFn) -> tuple[Hierarchy, Classes, Classes]:
    """True classes that respect the hierarchy, and any predicted ones, both with novel classes."""
    hierarchy = draw(hierarchies())
    novel = Classes(np.array(len(hierarchy.superclasses)), np.array(len(hierarchy.subclasses)))
    rows = draw(st.integers(1, 15))
    pairs = st.sampled_from(
        [*zip(hierarchy.parents, range(novel.subclasses), strict=True)]
        + [(parent, int(novel.subclasses)) for parent in range(novel.superclasses + 1)]
    )
    any_pair = st.tuples(st.integers(0, int(novel.superclasses)), st.integers(0, int(novel.subclasses)))
    truth = draw(st.lists(pairs, min_size=rows, max_size=rows))
    return hierarchy, classes(*truth), classes(*draw(st.lists(any_pair, min_size=rows, max_size=rows)))
