"""The rows that the settings name, read from a data folder, a file of feature vectors or the built-in sample.

Which reader is used is chosen here; the reader is given the task, which reads the labels.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from kmlc.config import Config
from kmlc.data.columns import STRING, strings
from kmlc.data.data_report import TableReport
from kmlc.data.feature_rows import FeatureRows
from kmlc.data.folder import DataFolder
from kmlc.data.known_labels import KnownLabelReader, KnownLabels
from kmlc.data.known_rows import KnownRows
from kmlc.data.readers.npz import Features, read_features
from kmlc.data.records import LabelledData, Records
from kmlc.errors import UserError
from kmlc.sample.overfitting import overfitting_rows
from kmlc.tasks.registry import task_type


def read_labelled(config: Config) -> LabelledData:
    """Read and check the labelled rows; what cannot be trained on is excluded, counted and listed.

    Raises:
        UserError: if a file or column is missing, a label is unknown, or fewer than two rows are left.

    Example:
        read_labelled(Config(data="my_folder")).report.summary()
    """
    return _source(config).read_labelled()


def read_test(
    config: Config, without: Literal["images", "captions"] | None = None
) -> tuple[Records, TableReport]:
    """Read every row to predict, in order; an unreadable image becomes a placeholder image.

    Args:
        config: the settings.
        without: read the rows as if they had no images, or no captions; neither need be there then.

    Raises:
        UserError: if a file or column is missing, or there are no rows.

    Example:
        records, report = read_test(Config(data="my_folder"))
    """
    if without == "images" and config.tower.input == "image":
        config = replace(config, tower=replace(config.tower, name="none"))
    if without == "captions":
        config = replace(config, captions=replace(config.captions, encoder="none"))
    records, report = _source(config).read_test()
    if without == "captions":
        records = replace(records, captions=np.zeros(len(records), STRING))
    return records, report


def read_test_labels(config: Config, task: KnownLabelReader, records: Records) -> KnownLabels | None:
    """Read the labels of the test rows, of those that have any, or None if the data has none.

    Args:
        config: the settings.
        task: the task, with the vocabulary to encode labels with.
        records: the test rows, as `read_test` returns them.

    Raises:
        UserError: if the table of labels lacks a column.

    Example:
        labels = read_test_labels(config, trained.task, records)
    """
    return _source(config).read_test_labels(task, records)


def read_known(config: Config, task: KnownLabelReader) -> KnownRows:
    """Read the rows with labels that a finished run is evaluated on.

    They are the test rows if these have labels, otherwise the rows of the training table; either are read as
    rows to predict.

    Args:
        config: the settings.
        task: the task, with the vocabulary to encode labels with.

    Raises:
        UserError: if a file or column is missing, or there are no rows.

    Example:
        rows = read_known(config, trained.task)
    """
    return _source(config).read_known(task)


def training_columns(config: Config, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return all columns of the training table, for the rows of these image names; none of feature vectors.

    Raises:
        UserError: if the table cannot be read, or lacks one of the rows.

    Example:
        training_columns(config, split["validation"])["Caption"]
    """
    return _source(config).training_columns(names)


def training_images(config: Config, names: Sequence[str]) -> np.ndarray:
    """Return the files of training images by their names; "" for a name that leads out of the image folder.

    Raises:
        UserError: if there is no data folder.
    """
    return _data_folder(config).training_images(names)


def _source(config: Config) -> DataFolder | FeatureRows:
    if config.tower.input != "features":
        return _data_folder(config)
    if config.data is not None:
        return FeatureRows(config, read_features(Path(config.data)), config.data)
    features, labels = overfitting_rows()
    ids, names = (strings(map(str, range(count))) for count in labels.shape)
    rows = Features(features, labels, ids, tuple(names.tolist()))
    return FeatureRows(config, rows, "the built-in feature vectors")


def _data_folder(config: Config) -> DataFolder:
    task = task_type(config)
    if config.data is None:
        return DataFolder(config, task.sample_folder(), task)
    folder = Path(config.data)
    if not folder.is_dir():
        raise UserError(
            f"--data {folder}: no such folder; expected one with {config.table.train} or class folders"
        )
    return DataFolder(config, folder, task)
