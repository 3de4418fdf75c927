import json
from dataclasses import asdict

import numpy as np

from kmlc.config import LabelsConfig
from kmlc.data.labels import Vocabulary, parse_labels, readable


def test_integers_are_sorted_by_value_and_written_plainly() -> None:
    parsed = parse_labels(["10 2", "02 1", "2 2"], LabelsConfig())
    assert parsed.vocabulary == ("1", "2", "10")
    assert parsed.rows == [("10", "2"), ("2", "1"), ("2",)]


def test_integers_may_be_written_as_floats() -> None:
    """The cells 1.0 and 3 gave the classes 1.0 and 3."""
    assert parse_labels(["1.0 3", "3.0"], LabelsConfig()).rows == [("1", "3"), ("3",)]
    assert parse_labels(["1.0", "nan", "2."], LabelsConfig()).vocabulary == ("1", "2")
    # With fractions among them they are no integers.
    assert parse_labels(["1.0", "2.0", "2.5"], LabelsConfig()).vocabulary == ("1.0", "2.0", "2.5")


def test_an_integer_of_5_000_digits_is_no_label() -> None:
    """Python does not read it; that was a traceback."""
    long = "1" * 5_000
    parsed = parse_labels(["1", long, "2"], LabelsConfig())
    assert (parsed.vocabulary, parsed.invalid) == (("1", "2"), [(1, long)])


def test_a_given_vocabulary_may_be_written_as_the_table_is() -> None:
    """The label 01 of a vocabulary was never found: the 01 of the table was read as 1."""
    parsed = parse_labels(["01", "2.0"], LabelsConfig(vocabulary=["01", "02"]))
    assert (parsed.vocabulary, parsed.rows, parsed.unknown) == (("1", "2"), [("1",), ("2",)], [])


def test_names_with_a_delimiter() -> None:
    parsed = parse_labels(["traffic light | bus", "", "bus|bus"], LabelsConfig(delimiter="|"))
    assert parsed.vocabulary == ("bus", "traffic light")
    assert parsed.rows == [("traffic light", "bus"), (), ("bus",)]


def test_entries_that_are_no_integers_among_integers_are_invalid() -> None:
    parsed = parse_labels(["1 x", "3 nan 4.5", "12 1 3"], LabelsConfig())
    assert parsed.vocabulary == ("1", "3", "12")
    assert parsed.invalid == [(0, "x"), (1, "nan"), (1, "4.5")]


def test_system_1_filter() -> None:
    """12 and what is outside 1..19 is no label of the competition (system 1)."""
    vocabulary: list[int | str] = [str(number) for number in range(1, 20) if number != 12]
    parsed = parse_labels(["1 12", "20 0", "dog 18"], LabelsConfig(vocabulary=vocabulary, unknown="drop"))
    assert parsed.vocabulary == tuple(vocabulary)
    assert parsed.rows == [("1",), (), ("18",)]
    assert parsed.unknown == [(0, "12"), (1, "20"), (1, "0")]
    assert parsed.invalid == [(2, "dog")]


def test_a_given_vocabulary_may_be_numbers() -> None:
    assert parse_labels(["3 1"], LabelsConfig(vocabulary=[1, 3])).vocabulary == ("1", "3")


def test_a_given_vocabulary_keeps_its_order() -> None:
    assert parse_labels(["a b"], LabelsConfig(vocabulary=["b", "a"])).vocabulary == ("b", "a")


def test_encode_and_decode() -> None:
    vocabulary = Vocabulary(("1", "3", "18"), ("person", "car", "dog"))
    encoded = vocabulary.encode([["18", "1"], [], ["3"]])
    np.testing.assert_array_equal(encoded, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert encoded.dtype == np.uint8
    assert [vocabulary.decode(row) for row in encoded] == ["1 18", "", "3"]
    assert vocabulary.display() == ["1 person", "3 car", "18 dog"]


def test_a_vocabulary_survives_json() -> None:
    vocabulary = Vocabulary(("1", "3"), ("person", "car"), "|")
    assert Vocabulary.from_json(json.loads(json.dumps(asdict(vocabulary)))) == vocabulary


def test_names_and_delimiter_do_not_change_the_classes() -> None:
    vocabulary = Vocabulary(("1", "3"), ("person", "car"))
    assert vocabulary.same_classes(Vocabulary(("1", "3"), ("1", "3"), "|"))
    assert not vocabulary.same_classes(Vocabulary(("3", "1"), ("car", "person")))


def test_a_vocabulary_of_some_of_the_classes() -> None:
    vocabulary = Vocabulary(("1", "3", "18"), ("person", "car", "dog"), "|")
    seen = vocabulary.seen(np.array([[1, 0, 0], [0, 0, 1]]))
    assert vocabulary.select(seen) == Vocabulary(("1", "18"), ("person", "dog"), "|")


def test_rows_without_a_label_are_trained_on() -> None:
    assert not Vocabulary(("1",), ("1",)).validation_only(np.zeros((2, 1))).any()


def test_a_label_without_a_name_is_shown_alone() -> None:
    """An empty name gave a label with a space after it."""
    assert [readable("3", name) for name in ("car", "3", "", " ")] == ["3 car", "3", "3", "3"]
