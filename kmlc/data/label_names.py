"""Human-readable names of labels: a table with a row for each label."""

from collections.abc import Mapping
from pathlib import Path

from kmlc.config import LabelsConfig
from kmlc.data.readers.csv_table import read_csv


def read_names(path: Path, config: LabelsConfig) -> Mapping[str, str]:
    """Return the name of each label; no names if there is no such file.

    Raises:
        UserError: if the table lacks the column of labels or the column of names.

    Example:
        read_names(Path("my_folder/label_names.csv"), LabelsConfig())["1"]  # "person"
    """
    if not path.is_file():
        return {}
    table = read_csv(path, config.names_name_column)
    labels = table.column(config.names_label_column, "labels.names_label_column")
    return dict(zip(labels, table.column(config.names_name_column, "labels.names_name_column"), strict=True))
