"""Human-readable names of labels: a table with a row for each label."""

from collections.abc import Mapping
from pathlib import Path

from kmlc.config import LabelsConfig
from kmlc.data.readers.csv_table import read_csv
from kmlc.errors import UserError


def read_names(path: Path, config: LabelsConfig) -> Mapping[str, str]:
    """Return the name of each label; no names if there is no such file.

    Raises:
        UserError: if the table lacks the column of labels or the column of names, or a label has two names.

    Example:
        read_names(Path("my_folder/label_names.csv"), LabelsConfig())["1"]  # "person"
    """
    if not path.is_file():
        return {}
    table = read_csv(path, config.names_name_column)
    labels = table.column(config.names_label_column, "labels.names_label_column")
    names: dict[str, str] = {}
    for label, name in zip(
        labels, table.column(config.names_name_column, "labels.names_name_column"), strict=True
    ):
        if names.setdefault(label, name) != name:
            raise UserError(f"{path}: label {label!r}: expected one name; got {names[label]!r} and {name!r}")
    return names
