"""Labels: the vocabulary, cells such as "1 3" as multi-hot rows, and what a table's labels come to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kmlc.config import LabelsConfig, TableConfig
from kmlc.errors import UserError


@dataclass(frozen=True)
class Vocabulary:
    """The labels of a data set, in the order of the classes.

    Attributes:
        labels: the labels as the tables write them; in a hierarchy superclasses first, then subclasses.
        names: a name for each label, for people; the label itself where no name is known.
        delimiter: what stands between two labels in a cell.
        parents: in a hierarchy the index of each subclass's superclass; empty without one.
        novel: in a hierarchy the labels of the novel superclass and of the novel subclass, which no logit
            stands for.
        held_out: in a hierarchy the names of the classes that are excluded from training, a superclass for
            its subclasses too; no logit stands for them either.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str = " "
    parents: tuple[int, ...] = ()
    novel: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def superclasses(self) -> int:
        """How many of the labels, the first ones, are superclasses; 0 without a hierarchy."""
        return len(self) - len(self.parents) if self.parents else 0

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
        """Return the label columns of a table, by name, for encoded rows; in a hierarchy zeros are novel.

        Example:
            vocabulary.columns(labels, TableConfig())  # {"Labels": ["1 3", ...]}
        """
        if not self.parents:
            return {table.label_column: [self.decode(row) for row in rows]}
        is_superclass = np.arange(len(self)) < self.superclasses
        return {
            str(column): [self.decode(row) or novel for row in level]
            for column, level, novel in zip(
                (table.superclass_column, table.label_column),
                (rows * is_superclass, rows * ~is_superclass),
                self.novel,
                strict=True,
            )
        }

    def unique_labels(self) -> list[str]:
        """Return the labels, none twice: in a hierarchy `superclass 1`, `subclass 1`, else as they are."""
        if not self.parents:
            return list(self.labels)
        return [
            f"{'superclass' if place < self.superclasses else 'subclass'} {label}"
            for place, label in enumerate(self.labels)
        ]

    def display(self) -> list[str]:
        """Return each class as people read it: the name, after the label where the two differ.

        In a hierarchy its level stands before it, because the two levels may have labels in common.
        """
        shown = list(map(readable, self.labels, self.names))
        if not self.parents:
            return shown
        return [
            f"{'superclass' if place < self.superclasses else 'subclass'} {each}"
            for place, each in enumerate(shown)
        ]

    def novel_rows(self, labels: np.ndarray) -> np.ndarray:
        """Return which encoded rows are of no known class at a level of the hierarchy, bool of shape (rows,).

        Without a hierarchy there are none: a row may lack every label.
        """
        if not self.parents:
            return np.zeros(len(labels), bool)
        known = labels[:, : self.superclasses].any(axis=1) & labels[:, self.superclasses :].any(axis=1)
        return np.logical_not(known)

    def no_label(self, rule: str) -> str | int:
        """Return the `thresholds.no_label` rule with a label turned into its class index.

        Raises:
            UserError: if the rule is neither none, top1, nor a label.
        """
        if rule in ("none", "top1"):
            return rule
        if rule not in self.labels:
            raise UserError(
                f"thresholds.no_label: expected none, top1 or one of {', '.join(self.labels)}; got {rule}"
            )
        return self.labels.index(rule)


def readable(label: str, name: str) -> str:
    """Return a label as people read it: its name, after the label where the two differ.

    Example:
        readable("1", "person")  # "1 person"
    """
    return name if name == label else f"{label} {name}"


@dataclass(frozen=True)
class Targets:
    """What the labels of a table come to.

    Attributes:
        vocabulary: the labels in the order of the classes.
        encoded: the rows' labels, uint8 of shape (rows, classes).
        excluded: the rows that cannot be trained on because of their labels.
    """

    vocabulary: Vocabulary
    encoded: np.ndarray
    excluded: set[int]


@dataclass(frozen=True)
class ParsedLabels:
    """The label column of a table.

    Attributes:
        vocabulary: the labels in the order of the classes.
        rows: each row's labels, none twice.
        invalid: entries that are no label, as (row, entry); they are left out of `rows`.
        unknown: labels outside the given vocabulary, as (row, label); they are left out of `rows`.
    """

    vocabulary: tuple[str, ...]
    rows: list[list[str]]
    invalid: list[tuple[int, str]]
    unknown: list[tuple[int, str]]


def parse_labels(cells: Sequence[str], config: LabelsConfig) -> ParsedLabels:
    """Parse the cells of a label column, as "8 3 13".

    With integer labels an entry that is not an integer is no label and is set aside (system 1's check).
    Integers are written plainly ("07" is "7") and sorted by value, names by alphabet; a given vocabulary
    keeps its order.

    Args:
        cells: one cell for each row.
        config: delimiter, kind, vocabulary.

    Returns:
        The parsed column; the caller decides what an unknown label means.

    Example:
        parse_labels(["8 3", "1"], LabelsConfig()).vocabulary  # ("1", "3", "8")
    """
    delimiter = config.delimiter.strip() or None
    split = [[entry.strip() for entry in cell.split(delimiter) if entry.strip()] for cell in cells]
    integer = config.kind == "integer" or (
        config.kind == "auto" and _mostly_integers(split, config.vocabulary)
    )
    invalid: list[tuple[int, str]] = []
    rows: list[list[str]] = []
    for number, entries in enumerate(split):
        if integer:
            invalid += [(number, entry) for entry in entries if not _is_integer(entry)]
            entries = [str(int(entry)) for entry in entries if _is_integer(entry)]
        rows.append(list(dict.fromkeys(entries)))
    if config.vocabulary is None:
        seen = {label for row in rows for label in row}
        return ParsedLabels(tuple(sorted(seen, key=int) if integer else sorted(seen)), rows, invalid, [])
    vocabulary = tuple(dict.fromkeys(str(label) for label in config.vocabulary))
    known = set(vocabulary)
    unknown = [(number, label) for number, row in enumerate(rows) for label in row if label not in known]
    rows = [[label for label in row if label in known] for row in rows]
    return ParsedLabels(vocabulary, rows, invalid, unknown)


def _mostly_integers(rows: Sequence[Sequence[str]], vocabulary: Sequence[int | str] | None) -> bool:
    entries = [str(label) for label in vocabulary or []] or [entry for row in rows for entry in row]
    return 2 * sum(map(_is_integer, entries)) > len(entries)


def _is_integer(entry: str) -> bool:
    return entry.removeprefix("-").isdecimal()
