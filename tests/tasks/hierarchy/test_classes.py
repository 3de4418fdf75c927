from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kmlc.errors import UserError
from kmlc.tasks.hierarchy.classes import Classes, Hierarchy
from tests.tasks.hierarchy.hierarchies import (
    ANIMALS,
    BIRD,
    DOG,
    JAY,
    NO_ANIMAL,
    NO_KIND,
    OWL,
    PUG,
    classes,
    hierarchies,
)


def test_parents_are_found_in_rows() -> None:
    rows = np.array([[DOG, PUG], [BIRD, OWL], [BIRD, JAY], [DOG, PUG]])
    assert Hierarchy.from_rows(ANIMALS.superclasses, ANIMALS.subclasses, rows) == ANIMALS


@given(hierarchies(), st.randoms())
def test_any_hierarchy_is_found_in_its_rows(hierarchy: Hierarchy, random: Random) -> None:
    rows = [(parent, child) for child, parent in enumerate(hierarchy.parents)] * 2
    random.shuffle(rows)
    assert Hierarchy.from_rows(hierarchy.superclasses, hierarchy.subclasses, np.array(rows)) == hierarchy


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 0], [1, 1], [0, 2], [1, 0]], "one superclass for subclass 'jay'; got 'bird' and 'dog'"),
        ([[0, 0], [1, 1]], "rows of subclass 'owl'.* got none"),
        ([[0, 0], [0, 1], [0, 2]], "rows of superclass 'dog'.* got none"),
        ([], "rows of superclass 'bird'.* got none"),
    ],
)
def test_rows_that_make_no_hierarchy(rows: list[list[int]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Hierarchy.from_rows(ANIMALS.superclasses, ANIMALS.subclasses, np.array(rows))


def test_classes_of_labels() -> None:
    labels = np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], np.uint8)
    ours = ANIMALS.classes(labels)
    np.testing.assert_array_equal(ours.superclasses, [DOG, BIRD, BIRD, NO_ANIMAL])
    np.testing.assert_array_equal(ours.subclasses, [PUG, OWL, NO_KIND, NO_KIND])


def test_consistency_by_hand() -> None:
    """A novel subclass fits every superclass, a novel superclass only a novel subclass."""
    pairs = [(BIRD, OWL), (DOG, OWL), (DOG, NO_KIND), (NO_ANIMAL, NO_KIND), (NO_ANIMAL, PUG)]
    assert ANIMALS.consistent(classes(*pairs)).tolist() == [True, False, True, True, False]


def test_classes_as_one_hot_labels() -> None:
    one_hot = ANIMALS.one_hot(classes((BIRD, OWL), (DOG, NO_KIND), (NO_ANIMAL, NO_KIND)))
    assert one_hot.tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert one_hot.dtype == np.uint8


@given(hierarchies(), st.data())
def test_one_hot_labels_come_back_as_classes(hierarchy: Hierarchy, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 5))
    drawn = Classes(
        *(
            data.draw(hnp.arrays(int, rows, elements=st.integers(0, len(names))))
            for names in (hierarchy.superclasses, hierarchy.subclasses)
        )
    )
    for level, again in zip(drawn, hierarchy.classes(hierarchy.one_hot(drawn)), strict=True):
        np.testing.assert_array_equal(level, again)
