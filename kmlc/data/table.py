"""Reads the tables: CSV as people leave it, without losing a row.

The competition's tables quote their captions but do not double the quotes inside them, and some captions
hold a line break. pandas with its defaults fails on such a file, or loses rows. Here a file that is valid CSV
is read as such; any other is cut into records where a line begins with an image's file name, and a record
that is still not valid is cut by position: what the other columns leave is the caption.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kmlc.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""What the names of image files end in, in small letters."""

_RECORD_START = re.compile(
    rf'^(?="?[^",\n]+(?:{"|".join(map(re.escape, IMAGE_SUFFIXES))})"?(?:,|$))', re.IGNORECASE | re.MULTILINE
)


@dataclass
class Table:
    """A table as text.

    Attributes:
        path: the file, or the folder of images, that it was read from.
        columns: the values of each column by its name, all of one length.
        repaired: row numbers of the records that were not valid CSV and were cut by position.
        unreadable: row numbers of the records that could not be cut; all but their first value is empty.
        skipped: what was found beside the rows and is not used, by what it is.
    """

    path: Path
    columns: dict[str, list[str]]
    repaired: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str, key: str) -> list[str]:
        """Return a column's values.

        Args:
            name: the column's name.
            key: the setting that names it, for the message.

        Raises:
            UserError: if the table has no such column.
        """
        if name not in self.columns:
            columns = ", ".join(self.columns)
            raise UserError(
                f"{self.path}: no column {name!r}; its columns are {columns} (name yours with --{key})"
            )
        return self.columns[name]


def read_table(path: Path, text_column: str) -> Table:
    """Read a CSV file whose free text may hold unescaped quotes, commas and line breaks.

    Args:
        path: the file, in UTF-8 (with or without byte order mark) or else Windows-1252.
        text_column: the column of free text, usually the caption. The table may lack it.

    Returns:
        The table, every value as text with the white space around it removed.

    Raises:
        UserError: if the file is not there, is empty, or has a broken record in a table whose first column
            holds no image names, so that the records' beginnings cannot be told.

    Example:
        table = read_table(Path("train.csv"), text_column="Caption")
        captions = table.columns["Caption"]
    """
    text = _read_text(path)
    head, _, body = text.partition("\n")
    header = [name.strip() for name in next(csv.reader([head]), [])]
    if not any(header):
        raise UserError(f"{path}: the file is empty; expected a header line and one line for each image")
    rows = _valid_rows(body, len(header))
    if rows is not None:
        return Table(path, _columns(header, rows))
    return _read_broken(path, body, header, text_column)


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: expected a CSV file; it is a folder") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _valid_rows(text: str, width: int) -> list[list[str]] | None:
    """Return the rows of valid CSV text, blank lines left out, or None if it is not valid."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return None
    return rows if all(len(row) == width for row in rows) else None


def _read_broken(path: Path, body: str, header: Sequence[str], text_column: str) -> Table:
    """Read a table that is not valid CSV, record by record."""
    starts = [match.start() for match in _RECORD_START.finditer(body)]
    if not starts:
        line, count = _first_broken_line(body, len(header))
        raise UserError(
            f"{path} line {line}: expected {len(header)} fields ({', '.join(header)}), got {count}; "
            "quotes inside a field must be doubled"
        )
    if body[: starts[0]].strip():
        starts.insert(0, 0)
    rows: list[list[str]] = []
    repaired, unreadable = [], []
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        record = body[start:end]
        valid = _valid_rows(record, len(header))
        if valid is not None and len(valid) == 1:
            rows.append(valid[0])
        elif (cut := _cut(record, header, text_column)) is not None:
            repaired.append(len(rows))
            rows.append(cut)
        else:
            unreadable.append(len(rows))
            rows.append([_unquote(record.split(",")[0]), *[""] * (len(header) - 1)])
    return Table(path, _columns(header, rows), repaired, unreadable)


def _first_broken_line(body: str, width: int) -> tuple[int, int]:
    """Return the number of the first line without `width` fields, and how many it has."""
    for number, line in enumerate(body.split("\n"), start=2):
        fields = next(csv.reader([line]), [])
        if fields and len(fields) != width:
            return number, len(fields)
    return 2, width


def _cut(record: str, header: Sequence[str], text_column: str) -> list[str] | None:
    """Cut a record by position: fields before and after the free text hold no commas, the text may."""
    if text_column not in header:
        return None
    before = header.index(text_column)
    after = len(header) - before - 1
    head = record.strip().split(",", before)
    if len(head) != before + 1:
        return None
    tail = head[-1].rsplit(",", after)
    if len(tail) != after + 1:
        return None
    return [_unquote(value) for value in [*head[:-1], *tail]]


def _unquote(value: str) -> str:
    """Remove one pair of quotes around a value; those inside it stand as they are."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    return {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}
