"""Rows with labels, on which a finished run is evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        labels: their labels, as `KnownLabels.encoded`.
        columns: all columns of their table by name, strings of shape (rows,); empty for feature vectors.
        report: what was found in the table.
        notes: what the reader of a metric must know of the labels, a line each.
    """

    records: Records
    labels: np.ndarray
    columns: Mapping[str, np.ndarray]
    report: TableReport
    notes: Sequence[str]

    @classmethod
    def of(
        cls, records: Records, known: KnownLabels, columns: Mapping[str, np.ndarray], report: TableReport
    ) -> Self:
        """Return the rows that have labels, the first of each name."""
        rows, notes = np.array(known.rows, np.int64), list(known.notes)
        first = np.sort(np.unique(records.ids[rows], return_index=True)[1])
        if repeated := len(rows) - len(first):
            notes.append(f"rows of a repeated image name, the first of which is used: {repeated:,}")
        rows = rows[first]
        columns = {name: values[rows] for name, values in columns.items()}
        return cls(records.take(rows), known.encoded[first], columns, report, notes)
