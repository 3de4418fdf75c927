"""Columns of strings, and rows of an array that are read when they are needed."""

import pickle

import numpy as np

from kmlc.data.columns import RowView, chunks, encoded, filled, strings

TEXTS = ["", "a", "a\0", "\0", "été", "x" * 70_000, " ", "日本"]


def test_strings_come_back_as_they_are() -> None:
    """Also with a NUL at their end, which NumPy's other strings lose."""
    column = strings(TEXTS)
    assert column.tolist() == strings(iter(TEXTS), len(TEXTS)).tolist() == TEXTS
    assert pickle.loads(pickle.dumps(column)).tolist() == TEXTS
    assert column[[2, 5]].tolist() == [TEXTS[2], TEXTS[5]]
    assert encoded(column).tolist() == [text.encode() for text in TEXTS]


def test_a_long_iterator_becomes_a_column() -> None:
    column = strings((f"{number} {'x' * (number % 50)}" for number in range(10_000)), 10_000)
    assert column[[0, 4095, 4096, 9999]].tolist() == [
        f"{number} {'x' * (number % 50)}" for number in (0, 4095, 4096, 9999)
    ]


def test_chunks_are_all_values_in_order() -> None:
    assert list(chunks(iter("abcde"), 2)) == [["a", "b"], ["c", "d"], ["e"]]


def test_bytes_stay_bytes() -> None:
    assert encoded(np.array(["a", b"\xff"], object)).tolist() == [b"a", b"\xff"]


def test_rows_are_read_as_float32() -> None:
    values = np.arange(12.0).reshape(4, 3)
    rows = RowView(values, np.array([3, 1, 0]))
    assert (len(rows), rows.width) == (3, 3)
    assert rows[:].dtype == np.float32
    assert rows.take(np.array([2, 0]))[:].tolist() == [values[0].tolist(), values[3].tolist()]
    assert [row.tolist() for row in rows] == values[[3, 1, 0]].tolist()


def test_a_string_of_white_space_is_not_filled() -> None:
    assert filled(strings(["a red bus", "", " \t\n"])).tolist() == [True, False, False]
