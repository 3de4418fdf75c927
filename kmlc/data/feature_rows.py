"""Feature vectors in place of images: the rows of an `.npz` file, or the built-in rows of system 5."""

from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.data.readers.npz import Features, read_features
from kmlc.data.records import LabelledData, Records, unknown_labels
from kmlc.data.report import TableReport
from kmlc.sample.overfitting import overfitting_rows

BUILT_IN = "the built-in feature vectors"


def labelled_features(config: Config) -> LabelledData:
    """Read the feature vectors to train on: the file `config.data`, or the built-in rows if there is none.

    Raises:
        UserError: if the file is not as `kmlc.data.readers.npz.read_features` expects it.
    """
    rows = _rows(config)
    report = _report(config, rows)
    report.label_counts = dict(zip(rows.names, rows.labels.sum(axis=0).tolist(), strict=True))
    vocabulary = Vocabulary(rows.names, rows.names, config.labels.delimiter)
    return LabelledData(_records(rows, rows.labels), vocabulary, report)


def features_to_predict(config: Config) -> tuple[Records, TableReport]:
    """Read the feature vectors to predict, all rows of the file or of the built-in ones.

    Raises:
        UserError: if the file is not as `kmlc.data.readers.npz.read_features` expects it.
    """
    rows = _rows(config)
    return _records(rows, unknown_labels(len(rows.ids))), _report(config, rows)


def feature_labels(config: Config, vocabulary: Vocabulary) -> np.ndarray | None:
    """Return the labels of the same rows, uint8 (rows, classes), or None if they are other classes."""
    rows = _rows(config)
    return rows.labels if rows.names == vocabulary.labels else None


def _rows(config: Config) -> Features:
    if config.data is not None:
        return read_features(Path(config.data))
    features, labels = overfitting_rows()
    ids = [str(row) for row in range(len(features))]
    return Features(features, labels, ids, tuple(str(number) for number in range(labels.shape[1])))


def _report(config: Config, rows: Features) -> TableReport:
    return TableReport(config.data or BUILT_IN, len(rows.ids), used=len(rows.ids))


def _records(rows: Features, labels: np.ndarray) -> Records:
    nothing = [""] * len(rows.ids)
    return Records(rows.ids, nothing, nothing, labels, rows.features)
