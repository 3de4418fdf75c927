"""The labels of rows to predict, which a score needs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.data.readers.table import Table


@dataclass(frozen=True)
class KnownLabels:
    """The labels of rows to predict.

    Attributes:
        rows: which of the rows have labels, in order.
        encoded: their labels, uint8 of shape (rows, classes + unknown labels): the last columns are those of
            labels that are unknown to the run, which it can only miss.
        remarks: what the reader of a score must know of it besides its unknown labels, a line each.
        unknown: the labels that are unknown to the run.
    """

    rows: Sequence[int]
    encoded: np.ndarray
    remarks: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[str]], vocabulary: Vocabulary) -> Self:
        """Encode the labels of all rows; if the vocabulary has none of them, no row is scored.

        Example:
            KnownLabels.of_rows([["3"], ["1", "99"]], vocabulary).encoded.shape  # (2, len(vocabulary) + 1)
        """
        unknown = [label for row in rows for label in row if label not in vocabulary.labels]
        if len(unknown) == sum(map(len, rows)):
            what = f"first: {unknown[0]}" if unknown else "every cell is empty"
            return cls([], vocabulary.encode([]), [f"no label is known to the run ({what})"])
        unknown = list(dict.fromkeys(unknown))
        every = Vocabulary((*vocabulary.labels, *unknown), ())
        return cls(range(len(rows)), every.encode(rows), unknown=unknown)

    @property
    def notes(self) -> list[str]:
        """What the reader of a score must know of it, a line each."""
        count = self.encoded[:, self.encoded.shape[1] - len(self.unknown) :].sum()
        what = "labels that are unknown to the run and count as missed"
        return [*self.remarks, *(f"{what}: {count:,} (first: {label})" for label in self.unknown[:1])]

    def take(self, places: np.ndarray) -> Self:
        """Return some of the rows with labels; unknown labels that none of them has are excluded."""
        rows, encoded = np.array(self.rows)[places].tolist(), self.encoded[places]
        known = encoded.shape[1] - len(self.unknown)
        columns = zip(self.unknown, encoded.T[known:], strict=True)
        unknown = [label for label, column in columns if column.any()]
        return replace(self, rows=rows, encoded=without_absent(encoded, known), unknown=unknown)


def without_absent(encoded: np.ndarray, known: int) -> np.ndarray:
    """Return encoded labels without the columns of unknown labels that no row has.

    Args:
        encoded: 0/1, shape (rows, classes + unknown labels).
        known: number of classes.

    Example:
        without_absent(np.array([[0, 0, 1]]), known=1)  # [[0, 1]]
    """
    return encoded[:, (np.arange(encoded.shape[1]) < known) | encoded.any(axis=0)]


class KnownLabelReader(Protocol):
    """How a task reads labels of which it has the vocabulary, such as those of test rows."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The labels in the order of the classes."""

    def read_known_labels(self, config: Config, table: Table, rows: np.ndarray) -> KnownLabels | None:
        """Return the labels of the given rows of a table, or None if it has no labels."""
