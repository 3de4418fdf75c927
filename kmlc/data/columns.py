"""Columns of tables: strings in one array, and rows of a large array without a copy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

T = TypeVar("T")

STRING = np.dtypes.StringDType()
"""The dtype of a column of strings, in UTF-8: 16 bytes for each, and its length too if that is above 15."""

CHUNK = 4096
"""Rows that are Python objects at a time, where a whole column would take many times its size."""


def strings(values: Iterable[str], count: int | None = None) -> np.ndarray:
    """Return a column of strings, of an iterator too if their number is given.

    Example:
        strings(["a red bus", ""])[0]  # "a red bus"
    """
    if count is None:
        return np.array(list(values), STRING)
    column, start = np.empty(count, STRING), 0
    for some in chunks(values):  # np.fromiter of NumPy 2.4 damages memory with this dtype
        column[start : start + len(some)] = some
        start += len(some)
    return column


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield what an iterable has, `size` of it at a time."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def filled(column: np.ndarray) -> np.ndarray:
    """Return which strings are more than white space, bool of the same shape.

    Example:
        filled(strings(["a red bus", " "]))  # [True, False]
    """
    return np.array([each.strip() != "" for each in column], bool)


def encoded(column: np.ndarray) -> np.ndarray:
    """Return strings as bytes, which TensorFlow takes; those that are bytes stay as they are."""
    values = [each if isinstance(each, bytes) else each.encode() for each in column]
    return np.array(values, object)


@dataclass(frozen=True)
class RowView:
    """Rows of an array of numbers, often memory-mapped, that are read when they are needed, as float32.

    Attributes:
        values: of shape (rows of the array, width).
        rows: which of them, int64.

    Example:
        RowView(features, np.array([7, 3]))[0:1]  # row 7, of shape (1, width)
    """

    values: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return self.values.shape[1]

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        return self.values[self.rows[places]].astype(np.float32, copy=False)

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self), CHUNK):
            yield from self[start : start + CHUNK]

    def take(self, places: np.ndarray) -> "RowView":
        """Return some of the rows."""
        return RowView(self.values, self.rows[places])
