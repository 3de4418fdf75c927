"""Labels: the vocabulary, and cells such as "1 3" as multi-hot rows."""

import re
import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from kmlc.config import Config, LabelKind, LabelsConfig, TableConfig
from kmlc.data.data_report import TableReport
from kmlc.data.readers.table import Table
from kmlc.errors import UserError


@dataclass(frozen=True)
class Vocabulary:
    """The labels of a data set, in the order of the classes.

    Attributes:
        labels: the labels as the tables write them.
        names: a human-readable name for each label; the label itself if it has no name.
        delimiter: the string between two labels in a cell.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str = " "

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Return the vocabulary that was saved as `dataclasses.asdict` returns it.

        Raises:
            ValueError: if a key or a value is not as it was saved.
        """
        if set(saved) != {field.name for field in fields(cls)}:
            raise ValueError(f"expected the keys {', '.join(field.name for field in fields(cls))}")
        values: dict[str, Any] = {}
        for name, kind in typing.get_type_hints(cls).items():
            value = saved[name]
            if kind is str:
                expected, each, values[name] = str, [value], value
            elif isinstance(value, list):
                expected, each, values[name] = typing.get_args(kind)[0], value, tuple(value)
            else:
                raise ValueError(f"{name}: unexpected {type(value).__name__}")
            # By the type itself: isinstance takes true for a whole number.
            if not all(type(one) is expected for one in each):
                raise ValueError(f"{name}: expected each to be {expected.__name__}")
        vocabulary = cls(**values)
        vocabulary.check()
        return vocabulary

    def check(self) -> None:
        """Raise a `ValueError` unless there are classes, each once, with a name each."""
        unique = self.unique_labels()
        if not unique or len(set(unique)) < len(unique) or len(self.names) != len(self.labels):
            raise ValueError("expected labels, each once, and a name for each")

    def encode(self, rows: Iterable[Sequence[str]]) -> np.ndarray:
        """Return multi-hot rows, uint8 of shape (rows, classes), for rows of labels."""
        place = {label: index for index, label in enumerate(self.labels)}
        rows = list(rows)
        encoded = np.zeros((len(rows), len(self.labels)), np.uint8)
        for row, labels in zip(encoded, rows, strict=True):
            row[[place[label] for label in labels]] = 1
        return encoded

    def decode(self, row: np.ndarray) -> str:
        """Return the cell of a multi-hot row: its labels in the vocabulary's order, delimited."""
        return self.delimiter.join(self.labels[index] for index in np.flatnonzero(row))

    def columns(self, rows: np.ndarray, table: TableConfig) -> dict[str, list[str]]:
        """Return the label columns of a table, by name, for encoded rows.

        Example:
            vocabulary.columns(labels, TableConfig())  # {"Labels": ["1 3", ...]}
        """
        return {table.label_column: [self.decode(row) for row in rows]}

    def unique_labels(self) -> list[str]:
        """Return the labels as unique strings."""
        return list(self.labels)

    def display(self) -> list[str]:
        """Return each class for display: its label and its name, or one of them if they are the same."""
        return list(map(readable, self.labels, self.names))

    def same_classes(self, other: "Vocabulary") -> bool:
        """Return whether the classes are the same; their names and the delimiter may differ."""
        return self.labels == other.labels

    def seen(self, labels: np.ndarray) -> np.ndarray:
        """Return which classes encoded rows have, bool of shape (classes,)."""
        return np.asarray(labels.any(axis=0))

    def select(self, classes: np.ndarray) -> Self:
        """Return the vocabulary of some of the classes, bool of shape (classes,)."""
        places = np.flatnonzero(classes)
        labels, names = (tuple(each[place] for place in places) for each in (self.labels, self.names))
        return replace(self, labels=labels, names=names)

    def validation_only(self, labels: np.ndarray) -> np.ndarray:
        """Return which encoded rows are validated on and never trained on, bool of shape (rows,): none."""
        return np.zeros(len(labels), bool)


def readable(label: str, name: str) -> str:
    """Return a label for display: the label and its name, or the label alone if it has no other name.

    Example:
        readable("1", "person")  # "1 person"
    """
    return f"{label} {name}" if name.strip() and name != label else label


@dataclass(frozen=True)
class Targets:
    """The labels of a table, ready to train on.

    Attributes:
        vocabulary: the labels in the order of the classes.
        rows: the rows of the table that can be trained on, int64, in order.
        encoded: their labels, uint8 of shape (rows, classes).
        kind: whether the labels are integers or names; auto if several columns differ.
    """

    vocabulary: Vocabulary
    rows: np.ndarray
    encoded: np.ndarray
    kind: LabelKind


class LabelReader(Protocol):
    """How a task reads labels; the readers of rows are given it."""

    def read_labels(
        self, config: Config, folder: Path, table: Table, rows: np.ndarray, report: TableReport
    ) -> Targets:
        """Read the labels of rows of a training table, and note in the report what is wrong with them."""


@dataclass(frozen=True)
class ParsedLabels:
    """The label column of a table.

    Attributes:
        vocabulary: the labels in the order of the classes.
        rows: each row's labels, without duplicates; rows with the same cell share one tuple.
        invalid: entries that are no label, as (row, entry); `rows` is without them.
        unknown: labels outside the given vocabulary, as (row, label); `rows` is without them.
        kind: integer or name, also where the settings say auto.
    """

    vocabulary: tuple[str, ...]
    rows: list[tuple[str, ...]]
    invalid: list[tuple[int, str]]
    unknown: list[tuple[int, str]]
    kind: LabelKind


def parse_labels(cells: Sequence[str] | np.ndarray, config: LabelsConfig) -> ParsedLabels:
    """Parse the cells of a label column, such as "8 3 13".

    With integer labels an entry that is not an integer is invalid (system 1's check). Integers are sorted by
    value and written as `canonical` writes them; names are sorted alphabetically. A given vocabulary keeps
    its order.

    Args:
        cells: one cell for each row.
        config: delimiter, kind, vocabulary.

    Returns:
        The parsed column; the caller handles unknown labels.

    Example:
        parse_labels(["8 3", "1"], LabelsConfig()).vocabulary  # ("1", "3", "8")
    """
    # Each cell once: most tables write the same few in many rows.
    split = {cell: split_cell(cell, config.delimiter) for cell in dict.fromkeys(cells)}
    kind = kind_of((entry for cell in cells for entry in split[cell]), config)
    label_of = {entry: canonical(entry, kind) for entries in split.values() for entry in entries}
    if config.vocabulary is None:
        seen = {label for label in label_of.values() if label is not None}
        vocabulary = tuple(sorted(seen, key=int) if kind == "integer" else sorted(seen))
    else:
        given = [str(label) for label in config.vocabulary]
        vocabulary = tuple(dict.fromkeys(canonical(label, kind) or label for label in given))
    known = set(vocabulary)
    labels = {
        cell: dict.fromkeys(label for entry in entries if (label := label_of[entry]) is not None)
        for cell, entries in split.items()
    }
    kept = {cell: tuple(label for label in each if label in known) for cell, each in labels.items()}
    invalid = {cell: [entry for entry in each if label_of[entry] is None] for cell, each in split.items()}
    unknown = {cell: [label for label in each if label not in known] for cell, each in labels.items()}
    return ParsedLabels(
        vocabulary,
        [kept[cell] for cell in cells],
        [(row, entry) for row, cell in enumerate(cells) for entry in invalid[cell]],
        [(row, label) for row, cell in enumerate(cells) for label in unknown[cell]],
        kind,
    )


def split_cell(cell: str, delimiter: str) -> list[str]:
    """Return the entries of a cell, without the spaces around them; any white space is one delimiter.

    Example:
        split_cell("cat, traffic light", ",")  # ["cat", "traffic light"]
    """
    return [entry.strip() for entry in cell.split(delimiter.strip() or None) if entry.strip()]


def check_labels(labels: Iterable[str], delimiter: str, source: str) -> None:
    """Check that labels can be read back from the cells that `Vocabulary.decode` writes.

    Args:
        labels: the labels.
        delimiter: `labels.delimiter`.
        source: where the labels come from, for the message.

    Raises:
        UserError: if the delimiter is empty, or a label is empty or holds it.

    Example:
        check_labels(["cat", "traffic light"], " ", "labels.vocabulary")  # UserError
    """
    if not delimiter:
        raise UserError("labels.delimiter: expected one character or more; got ''")
    for label in labels:
        if split_cell(label, delimiter) != [label]:
            raise UserError(
                f"{source}: expected labels that are not empty and do not hold {delimiter!r}, "
                f"which separates them (labels.delimiter); got {label!r}"
            )


def canonical(entry: str, kind: LabelKind) -> str | None:
    """Return the label that an entry of a table names, or None if it names none.

    An integer is written without leading zeros and without the ".0" that tools with missing values add. One
    of more than 4,300 digits, which Python does not read, is no label. A name is a label as it is.

    Example:
        canonical("07.0", "integer")  # "7"
    """
    if kind != "integer":
        return entry
    found = re.fullmatch(r"(-?\d+)(?:\.0*)?", entry)
    try:
        return str(int(found[1])) if found else None
    except ValueError:
        return None


def kind_of(entries: Iterable[str], config: LabelsConfig) -> LabelKind:
    """Return whether the labels of a column are integers or names, where the settings say auto.

    Numbers such as 1.0 count as integers unless there are others such as 1.5.
    """
    if config.kind != "auto":
        return config.kind
    counts = Counter(map(str, config.vocabulary or [])) or Counter(entries)
    has_fractions = any(re.fullmatch(r"-?\d+\.\d*[1-9]\d*", entry) for entry in counts)
    integers = sum(
        count
        for entry, count in counts.items()
        if canonical(entry, "integer") is not None and not ("." in entry and has_fractions)
    )
    return "integer" if 2 * integers > counts.total() else "name"
