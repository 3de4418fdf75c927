import json
from dataclasses import asdict, replace

import numpy as np

from kmlc.config import TableConfig
from kmlc.data.labels import Vocabulary
from kmlc.tasks.hierarchy.classes import Hierarchy
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary

VOCABULARY = HierarchyVocabulary(
    ("0", "1", "0", "2", "3"), ("bird", "dog", "pug", "jay", "3"), " ", (1, 0, 0), ("2", "87"), ("owl",)
)
# A jay, a dog of a novel subclass, and neither bird nor dog.
LABELS = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]], np.uint8)
CELLS = [("0", "2"), ("1", "87"), ("2", "87")]


def test_the_hierarchy_has_the_names() -> None:
    assert VOCABULARY.hierarchy == Hierarchy(("bird", "dog"), ("pug", "jay", "3"), (1, 0, 0))


def test_labels_that_both_levels_share_are_encoded_at_their_own() -> None:
    assert VOCABULARY.encode([("0", "0"), ("1", "0")]).tolist() == [[1, 0, 1, 0, 0], [0, 1, 1, 0, 0]]


def test_labels_outside_the_vocabulary_are_zeros() -> None:
    encoded = VOCABULARY.encode(CELLS)
    np.testing.assert_array_equal(encoded, LABELS)
    assert encoded.dtype == np.uint8
    assert VOCABULARY.encode([]).shape == (0, 5)


def test_zeros_are_written_as_the_novel_label() -> None:
    columns = VOCABULARY.columns(LABELS, TableConfig(superclass_column="super", label_column="sub"))
    assert columns == {"super": [pair[0] for pair in CELLS], "sub": [pair[1] for pair in CELLS]}


def test_the_level_makes_labels_unique() -> None:
    assert VOCABULARY.unique_labels() == [
        *("superclass 0", "superclass 1"),
        *("subclass 0", "subclass 2", "subclass 3"),
    ]
    assert VOCABULARY.display()[1:] == ["superclass 1 dog", "subclass 0 pug", "subclass 2 jay", "subclass 3"]


def test_novel_rows_are_for_validation_only() -> None:
    assert VOCABULARY.validation_only(LABELS).tolist() == [False, True, True]


def test_other_superclasses_are_other_classes() -> None:
    assert VOCABULARY.same_classes(replace(VOCABULARY, names=VOCABULARY.labels, held_out=()))
    assert not VOCABULARY.same_classes(replace(VOCABULARY, parents=(0, 0, 1)))
    assert not VOCABULARY.same_classes(Vocabulary(VOCABULARY.labels, VOCABULARY.names))


def test_a_vocabulary_survives_json() -> None:
    assert HierarchyVocabulary.from_json(json.loads(json.dumps(asdict(VOCABULARY)))) == VOCABULARY
