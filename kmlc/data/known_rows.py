"""Rows with labels, on which a finished run is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.records import Records


@dataclass(frozen=True)
class KnownRows:
    """Rows with labels.

    Attributes:
        records: the rows, without labels.
        known: their labels.
        columns: all columns of their table by name, strings of shape (rows,); empty for feature vectors.
        report: what was found in the table.
        repeated: number of further rows with a name of these.
    """

    records: Records
    known: KnownLabels
    columns: Mapping[str, np.ndarray]
    report: TableReport
    repeated: int

    @classmethod
    def of(
        cls, records: Records, known: KnownLabels, columns: Mapping[str, np.ndarray], report: TableReport
    ) -> Self:
        """Return the rows that have labels, the first of each name."""
        rows = np.array(known.rows, np.int64)
        first = np.sort(np.unique(records.ids[rows], return_index=True)[1])
        columns = {name: values[rows] for name, values in columns.items()}
        every = cls(records.take(rows), known, columns, report, len(rows) - len(first))
        return every.take(first)

    @property
    def notes(self) -> list[str]:
        """What the reader of a metric must know of the labels, a line each."""
        what = "rows of a repeated image name, the first of which is used"
        return [*self.known.notes, *([f"{what}: {self.repeated:,}"] if self.repeated else [])]

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the rows; unknown labels that none of them has are excluded."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return replace(self, records=self.records.take(rows), known=self.known.take(rows), columns=columns)
