"""From a file of feature vectors to records: they take the place of images (system 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kmlc.config import Config
from kmlc.data.columns import CHUNK, STRING, RowView
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabelReader, KnownLabels
from kmlc.data.known_rows import KnownRows
from kmlc.data.labels import Vocabulary
from kmlc.data.readers.npz import Features
from kmlc.data.records import LabelledData, Records, unknown_labels
from kmlc.errors import UserError

_BLOCK = 2**26
"""Numbers that are in memory at a time when statistics are computed: some columns of all rows."""


def statistics(features: RowView) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each column, computed in float64; 0 for a constant one.

    Example:
        statistics(RowView(np.array([[1, 7], [3, 7]]), np.arange(2)))  # ((2.0, 7.0), (1.0, 0.0))
    """
    means, deviations = [], []
    for column in _columns(features):
        means.append(float(column.mean(dtype=np.float64)))
        # The mean of equal numbers may be rounded, and their deviation from it is no signal.
        constant = column.min() == column.max()
        deviations.append(0.0 if constant else float(column.std(dtype=np.float64)))
    return tuple(means), tuple(deviations)


def _columns(features: RowView) -> Iterator[np.ndarray]:
    """Yield each column, float32 (rows,)."""
    together = max(_BLOCK // max(len(features), 1), 1)
    for first in range(0, features.width, together):
        block = np.empty((min(together, features.width - first), len(features)), np.float32)
        for start in range(0, len(features), CHUNK):
            rows = features.rows[start : start + CHUNK]
            # Columns first: whole rows of a large file would be read again for each block.
            block[:, start : start + CHUNK] = features.values[:, first : first + together][rows].T
        yield from block


@dataclass(frozen=True)
class FeatureRows:
    """Feature vectors with labels, to train on or to predict.

    Attributes:
        config: the settings.
        rows: the feature vectors.
        source: human-readable origin of the rows.
    """

    config: Config
    rows: Features
    source: str

    def read_labelled(self) -> LabelledData:
        """Return the rows to train on, all of them.

        Raises:
            UserError: if they have no labels.
        """
        if not self.rows.names:
            raise self._unlabelled()
        rows, report = self.rows, self._report()
        report.label_counts = dict(zip(rows.names, rows.labels.sum(axis=0).tolist(), strict=True))
        vocabulary = Vocabulary(rows.names, rows.names, self.config.labels.delimiter)
        records = self._records(rows.labels)
        return LabelledData(records, vocabulary, report, self.config.labels.kind, classes_given=True)

    def read_test(self) -> tuple[Records, TableReport]:
        """Return the rows to predict, all of them."""
        return self._records(unknown_labels(len(self.rows.ids))), self._report()

    def read_test_labels(self, task: KnownLabelReader, records: Records) -> KnownLabels | None:
        """Return the labels of the same rows by their names, or None if the rows have none."""
        if not self.rows.names:
            return None
        names = [[self.rows.names[place] for place in np.flatnonzero(row)] for row in self.rows.labels]
        return KnownLabels.of_rows(names, task.vocabulary)

    def read_known(self, task: KnownLabelReader) -> KnownRows:
        """Return the rows, all of them, with their labels.

        Raises:
            UserError: if they have no labels.
        """
        records, report = self.read_test()
        known = self.read_test_labels(task, records)
        if known is None:
            raise self._unlabelled()
        return KnownRows.of(records, known, {}, report)

    def training_columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return nothing: feature vectors have no table."""
        return {}

    def _unlabelled(self) -> UserError:
        return UserError(
            f"{self.source}: no array y; expected class numbers of shape (rows,), or 0 and 1 of shape "
            "(rows, classes)"
        )

    def _records(self, labels: np.ndarray) -> Records:
        count = len(self.rows.ids)
        empty, features = np.zeros(count, STRING), RowView(self.rows.features, np.arange(count))
        return Records(self.rows.ids, empty, empty, labels, features)

    def _report(self) -> TableReport:
        return TableReport(self.source, len(self.rows.ids), used=len(self.rows.ids))
