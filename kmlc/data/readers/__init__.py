"""Readers, one file format a module. The reader of a data folder is chosen here.

It returns a `Table`. A new format is a module with functions that read its training and its test rows, and a
line in `_read`. Files of feature vectors are no data folder: `kmlc.tasks.rows` chooses their reader, `npz`.
"""

from collections.abc import Callable
from pathlib import Path

from kmlc.config import Config, TableConfig
from kmlc.data.readers.class_folders import (
    class_folder_settings,
    read_test_folder,
    read_training_folders,
)
from kmlc.data.readers.csv_table import read_csv
from kmlc.data.readers.table import Table


def read_training_table(config: Config, folder: Path) -> tuple[Table, Config]:
    """Read the labelled rows of a data folder: `table.train`, or class folders if there is no such file.

    Returns:
        The table, and the settings that its labels and image names are read with.

    Raises:
        UserError: if there is neither, or it cannot be read.

    Example:
        table, config = read_training_table(Config(), Path("my_folder"))
    """
    return _read(config, folder, config.table.train, read_training_folders)


def read_test_table(config: Config, folder: Path, file: str) -> tuple[Table, Config]:
    """Read the test rows of a data folder: a file, or the folder of test images if there is no such file.

    Args:
        config: the settings.
        folder: the data folder.
        file: `table.test`, or `table.test_labels` for the labels of these rows.

    Returns:
        The table, and the settings that its labels and image names are read with.

    Raises:
        UserError: if there is neither, or it cannot be read.

    Example:
        table, config = read_test_table(Config(), Path("my_folder"), "test.csv")
    """
    return _read(config, folder, file, read_test_folder)


def _read(
    config: Config, folder: Path, file: str, read_folders: Callable[[Path, TableConfig], Table]
) -> tuple[Table, Config]:
    path, table = folder / file, config.table
    if path.is_file():
        return read_csv(path, table.caption_column, table.delimiter, table.one_record_per_line), config
    return read_folders(folder, config.table), class_folder_settings(config, folder)
