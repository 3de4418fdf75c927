"""Labels: the vocabulary, and cells such as "1 3" as multi-hot rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from kmlc.config import Config, LabelKind, LabelsConfig, TableConfig
from kmlc.data.data_report import TableReport
from kmlc.data.readers.table import Table


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
        """Return the vocabulary that was saved as `dataclasses.asdict` returns it."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in saved.items()
        }
        return cls(**values)

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

    def validation_only(self, labels: np.ndarray) -> np.ndarray:
        """Return which encoded rows are validated on and never trained on, bool of shape (rows,): none."""
        return np.zeros(len(labels), bool)


def readable(label: str, name: str) -> str:
    """Return a label for display: the label and its name, or one of them if they are the same.

    Example:
        readable("1", "person")  # "1 person"
    """
    return name if name == label else f"{label} {name}"


@dataclass(frozen=True)
class Targets:
    """The labels of a table, ready to train on.

    Attributes:
        vocabulary: the labels in the order of the classes.
        encoded: the rows' labels, uint8 of shape (rows, classes).
        excluded: the rows that cannot be trained on because of their labels.
        kind: whether the labels are integers or names; auto if several columns differ.
    """

    vocabulary: Vocabulary
    encoded: np.ndarray
    excluded: set[int]
    kind: LabelKind


class LabelReader(Protocol):
    """How a task reads labels; the readers of rows are given it."""

    def read_labels(self, config: Config, folder: Path, table: Table, report: TableReport) -> Targets:
        """Read the labels of a training table, and note in the report what is wrong with them."""


class KnownLabelReader(Protocol):
    """How a task reads labels of which it has the vocabulary, such as those of test rows."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The labels in the order of the classes."""

    def read_known_labels(self, config: Config, table: Table, rows: Sequence[int]) -> np.ndarray | None:
        """Return the labels of the given rows, uint8 (rows, classes), or None if the table has none."""


@dataclass(frozen=True)
class ParsedLabels:
    """The label column of a table.

    Attributes:
        vocabulary: the labels in the order of the classes.
        rows: each row's labels, without duplicates.
        invalid: entries that are no label, as (row, entry); `rows` is without them.
        unknown: labels outside the given vocabulary, as (row, label); `rows` is without them.
        kind: integer or name, also where the settings say auto.
    """

    vocabulary: tuple[str, ...]
    rows: list[list[str]]
    invalid: list[tuple[int, str]]
    unknown: list[tuple[int, str]]
    kind: LabelKind


def parse_labels(cells: Sequence[str], config: LabelsConfig) -> ParsedLabels:
    """Parse the cells of a label column, such as "8 3 13".

    With integer labels an entry that is not an integer is invalid (system 1's check). Integers are sorted by
    value and written without leading zeros ("07" is "7"); names are sorted alphabetically. A given vocabulary
    keeps its order.

    Args:
        cells: one cell for each row.
        config: delimiter, kind, vocabulary.

    Returns:
        The parsed column; the caller handles unknown labels.

    Example:
        parse_labels(["8 3", "1"], LabelsConfig()).vocabulary  # ("1", "3", "8")
    """
    delimiter = config.delimiter.strip() or None
    split = [[entry.strip() for entry in cell.split(delimiter) if entry.strip()] for cell in cells]
    integer = config.kind == "integer" or (
        config.kind == "auto" and _mostly_integers(split, config.vocabulary)
    )
    kind: LabelKind = "integer" if integer else "name"
    invalid: list[tuple[int, str]] = []
    rows: list[list[str]] = []
    for number, entries in enumerate(split):
        if integer:
            invalid += [(number, entry) for entry in entries if not _is_integer(entry)]
            entries = [str(int(entry)) for entry in entries if _is_integer(entry)]
        rows.append(list(dict.fromkeys(entries)))
    if config.vocabulary is None:
        seen = {label for row in rows for label in row}
        return ParsedLabels(
            tuple(sorted(seen, key=int) if integer else sorted(seen)), rows, invalid, [], kind
        )
    vocabulary = tuple(dict.fromkeys(str(label) for label in config.vocabulary))
    known = set(vocabulary)
    unknown = [(number, label) for number, row in enumerate(rows) for label in row if label not in known]
    rows = [[label for label in row if label in known] for row in rows]
    return ParsedLabels(vocabulary, rows, invalid, unknown, kind)


def _mostly_integers(rows: Sequence[Sequence[str]], vocabulary: Sequence[int | str] | None) -> bool:
    entries = [str(label) for label in vocabulary or []] or [entry for row in rows for entry in row]
    return 2 * sum(map(_is_integer, entries)) > len(entries)


def _is_integer(entry: str) -> bool:
    return entry.removeprefix("-").isdecimal()
