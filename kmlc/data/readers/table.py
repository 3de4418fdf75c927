"""What the readers of data folders return: a table of strings."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kmlc.data.data_report import Finding
from kmlc.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""File name suffixes of images, in lower case."""


@dataclass
class Table:
    """A table of strings.

    Attributes:
        path: the file, or the folder of images, that it was read from.
        columns: the values of each column by its name, strings of shape (rows,).
        repaired: row numbers of the records that were not valid CSV and were cut by position.
        unreadable: row numbers of the records that could not be cut; their last values are empty.
        findings: what could be read in another way, or is not in the expected form.
        skipped: what was found and is not used, by what it is.
    """

    path: Path
    columns: dict[str, np.ndarray]
    repaired: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str, key: str) -> np.ndarray:
        """Return the values of a column.

        Args:
            name: the name of the column.
            key: the setting that names it, for the message.

        Raises:
            UserError: if the table has no such column.
        """
        if name not in self.columns:
            columns = ", ".join(self.columns)
            raise UserError(f"{self.path}: no column {name!r} ({key} names it); its columns are {columns}")
        return self.columns[name]
