"""Labels: the vocabulary, and cells such as "1 3" as multi-hot rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kmlc.config import LabelsConfig
from kmlc.errors import UserError


@dataclass(frozen=True)
class Vocabulary:
    """The labels of a data set, in the order of the classes.

    Attributes:
        labels: the labels as the tables write them.
        names: a name for each label, for people; the label itself where no name is known.
        delimiter: what stands between two labels in a cell.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str = " "

    def __len__(self) -> int:
        return len(self.labels)

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

    def display(self) -> list[str]:
        """Return each class as people read it: the name, after the label where the two differ."""
        pairs = zip(self.labels, self.names, strict=True)
        return [name if name == label else f"{label} {name}" for label, name in pairs]

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
