"""The labels of rows to predict, which a score needs."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        notes: what the reader of a score must know of it, a line each.
    """

    rows: Sequence[int]
    encoded: np.ndarray
    notes: Sequence[str] = ()

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
        every = Vocabulary((*vocabulary.labels, *dict.fromkeys(unknown)), ())
        notes = [
            f"labels that are unknown to the run and count as missed: {len(unknown):,} (first: {label})"
            for label in unknown[:1]
        ]
        return cls(range(len(rows)), every.encode(rows), notes)


class KnownLabelReader(Protocol):
    """How a task reads labels of which it has the vocabulary, such as those of test rows."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The labels in the order of the classes."""

    def read_known_labels(self, config: Config, table: Table, rows: np.ndarray) -> KnownLabels | None:
        """Return the labels of the given rows of a table, or None if it has no labels."""
