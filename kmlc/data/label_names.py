"""Human-readable names of labels: a table with a row for each label."""

from collections.abc import Mapping
from pathlib import Path

from kmlc.config import LabelKind, LabelsConfig
from kmlc.data.labels import canonical
from kmlc.data.readers.csv_table import read_csv
from kmlc.errors import UserError


def read_names(path: Path, config: LabelsConfig, kind: LabelKind) -> Mapping[str, str]:
    """Return the name of each label; no names if there is no such file.

    Args:
        path: the table.
        config: its columns.
        kind: whether the labels are integers, which the table may write as 01 or 1.0, or names.

    Raises:
        UserError: if the table lacks the column of labels or the column of names, a record cannot be read, or
            a label has two names.

    Example:
        read_names(Path("my_folder/label_names.csv"), LabelsConfig(), "integer")["1"]  # "person"
    """
    if not path.is_file():
        return {}
    table = read_csv(path, config.names_name_column)
    entries = table.column(config.names_label_column, "labels.names_label_column")
    values = table.column(config.names_name_column, "labels.names_name_column")
    if table.unreadable:
        raise UserError(f"{path}: label {entries[table.unreadable[0]]!r}: expected a label and a name")
    names: dict[str, str] = {}
    for entry, name in zip(entries, values, strict=True):
        label = canonical(entry, kind) or entry
        if names.setdefault(label, name) != name:
            raise UserError(f"{path}: label {label!r}: expected one name; got {names[label]!r} and {name!r}")
    return names
