"""Reads CSV files, broken ones too, without losing a row.

The competition's tables quote their captions but do not double the quotes inside them, and some captions
contain a line break. pandas with its defaults fails on such a file, or loses rows. Here a file that is valid
CSV is read as such. Any other is cut into records where a line begins with the file name of an image; a
record that is still not valid is cut by position, and what lies between the other columns is the caption.
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from kmlc.data.readers.table import IMAGE_SUFFIXES, Table
from kmlc.errors import UserError

_RECORD_START = re.compile(
    rf'^(?="?[^",\n]+(?:{"|".join(map(re.escape, IMAGE_SUFFIXES))})"?(?:,|$))', re.IGNORECASE | re.MULTILINE
)


def read_csv(path: Path, text_column: str) -> Table:
    """Read a CSV file whose free text may hold unescaped quotes, commas and line breaks.

    Args:
        path: the file, in UTF-8 (with or without byte order mark) or else Windows-1252.
        text_column: the column of free text, usually the caption; the table may lack it.

    Returns:
        The table, its values without leading or trailing white space.

    Raises:
        UserError: if the file is missing or empty, or if it has a broken record and its first column has no
            image names, which mark where records begin.

    Example:
        table = read_csv(Path("train.csv"), text_column="Caption")
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
    """Return the rows of valid CSV without blank lines, or None if it is not valid."""
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
    """Return the number of the first line that has not `width` fields, and how many it has."""
    for number, line in enumerate(body.split("\n"), start=2):
        fields = next(csv.reader([line]), [])
        if fields and len(fields) != width:
            return number, len(fields)
    return 2, width


def _cut(record: str, header: Sequence[str], text_column: str) -> list[str] | None:
    """Cut a record by position: the free text may contain commas, the fields before and after it do not."""
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
    """Remove one pair of quotes around a value and keep those inside it."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    return {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}
