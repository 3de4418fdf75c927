"""Reads CSV files, broken ones too, without losing a row.

The competition's tables quote their captions but do not double the quotes inside them, and some captions
contain a line break. pandas with its defaults fails on such a file, or loses rows. Here a file that is valid
CSV is read as such. Any other is cut into records where `RecordLayout` says that they begin; a record that is
still not valid is cut by position, and what lies between the other columns is the caption.
"""

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kmlc.data.data_report import Finding
from kmlc.data.readers.record_lines import RecordLayout, usual_shapes
from kmlc.data.readers.table import Table
from kmlc.errors import UserError

# The default, 131,072 characters, is less than a long caption may have.
csv.field_size_limit(2**31 - 1)

_DELIMITERS = ",;\t"
_ANOTHER_WAY = "kept as one record; table.one_record_per_line true cuts there"


@dataclass(frozen=True)
class _Lines:
    """The lines of a table below its header.

    Attributes:
        path: the file.
        header: the line with the names of the columns.
        body: the lines below it, each with its line end.
        first: the number of the first of them, counted from 1.
        delimiter: the character between two fields.
        text_column: the column of free text.
    """

    path: Path
    header: str
    body: list[str]
    first: int
    delimiter: str
    text_column: str

    @cached_property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [name.strip() for name in next(csv.reader([self.header], delimiter=self.delimiter), [])]

    @cached_property
    def layout(self) -> RecordLayout | None:
        """Where the free text is in a record; None if there is none, or nothing else."""
        columns = self.columns
        if self.text_column not in columns or len(columns) == 1:
            return None
        before = columns.index(self.text_column)
        return RecordLayout(self.delimiter, before, len(columns) - before - 1)

    @cached_property
    def bare(self) -> list[str]:
        """The lines without their line ends."""
        return [line.rstrip("\r\n") for line in self.body]

    def finding(self, what: str, action: str, numbers: Sequence[int]) -> list[Finding]:
        """Return what was found in some of the lines, if there are any."""
        rows = [f"line {self.first + number}: {self.bare[number][:60]}" for number in numbers]
        return [Finding(what, action, rows)] if rows else []


def read_csv(
    path: Path, text_column: str, delimiter: str = "auto", one_record_per_line: bool = False
) -> Table:
    """Read a CSV file whose free text may hold unescaped quotes, commas and line breaks.

    Args:
        path: the file, in UTF-8 or UTF-16 (with byte order mark), or else Windows-1252.
        text_column: the column of free text, usually the caption; the table may lack it.
        delimiter: the character between two fields; auto is the one of comma, semicolon and tab that cuts the
            header line into most columns.
        one_record_per_line: read every line as a record, also where a quoted field contains line breaks.

    Returns:
        The table, its values without leading or trailing white space. Line feeds and carriage returns in a
        quoted field stay as they are.

    Raises:
        UserError: if the file cannot be read, is empty, has two columns of one name, or no readable record.

    Example:
        table = read_csv(Path("train.csv"), text_column="Caption")
        captions = table.columns["Caption"]
    """
    if delimiter != "auto" and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise UserError(f"table.delimiter: expected auto or one character, no quote; got {delimiter!r}")
    text, findings = _read_text(path)
    all_lines = list(io.StringIO(text, newline=""))
    place = next((number for number, line in enumerate(all_lines) if line.strip()), None)
    if place is None:
        raise UserError(f"{path}: the file is empty; expected a header line and one line for each image")
    header = all_lines[place]
    if delimiter == "auto":
        delimiter = max(_DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each))))
    lines = _Lines(path, header, all_lines[place + 1 :], place + 2, delimiter, text_column)
    columns = lines.columns
    repeated = next((name for name in columns if name and columns.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{path}: expected each column once; got {repeated!r} twice")
    table = None if one_record_per_line else _read_valid(lines)
    if table is None:
        table = _read_broken(lines, one_record_per_line)
    table.findings[:0] = findings
    return table


def _read_text(path: Path) -> tuple[str, list[Finding]]:
    """Return the content of a file, and what was found about its encoding."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: expected a CSV file; it is a folder") from None
    except OSError as error:
        raise UserError(f"{path}: could not be read: {error.strerror}") from None
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    findings = []
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        text = content.decode("cp1252", errors="replace")
        line = content.count(b"\n", 0, error.start) + 1
        findings = [Finding("table that is not UTF-8", "read as Windows-1252", [f"line {line}"])]
    return text, findings


def _read_valid(lines: _Lines) -> Table | None:
    """Read a table of valid CSV; None if it is not valid."""
    records = _valid_records(lines.body, lines.delimiter, len(lines.columns))
    if records is None:
        return None
    table = Table(lines.path, _by_column(lines.columns, [fields for _, _, fields in records]))
    if lines.layout is not None:
        usual = usual_shapes(lines.layout.name(fields).strip() for _, _, fields in records)
        inside = [line for start, end, _ in records for line in lines.layout.inside(start, end)]
        found = [line for line in inside if lines.layout.like_record(lines.bare[line], usual)]
        table.findings += lines.finding("line like a record inside a quoted field", _ANOTHER_WAY, found)
    return table


def _valid_records(
    lines: Sequence[str], delimiter: str, width: int
) -> list[tuple[int, int, list[str]]] | None:
    """Return the first line, the line after the last, and the fields of each record of valid CSV, or None."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    records, start = [], 0
    try:
        for fields in reader:
            # The other lines are blank.
            if len(fields) == width and (width > 1 or fields[0].strip()):
                records.append((start, reader.line_num, fields))
            elif len(fields) > 1 or "".join(fields).strip():
                return None
            start = reader.line_num
    except csv.Error:
        return None
    return records


def _read_broken(lines: _Lines, one_record_per_line: bool) -> Table:
    """Read a table that is not valid CSV, record by record."""
    columns, layout, body = lines.columns, lines.layout, lines.bare
    if one_record_per_line or layout is None:
        starts = [number for number, line in enumerate(body) if line.strip()]
        doubtful: list[int] = []
    else:
        starts, doubtful = layout.starts(body)
    rows: list[list[str]] = []
    repaired: list[int] = []
    unreadable: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        valid = _valid_records(lines.body[start:end], lines.delimiter, len(columns))
        if valid is not None and len(valid) == 1:
            rows.append(valid[0][2])
        elif layout is not None and (fields := layout.cut("\n".join(body[start:end]))) is not None:
            repaired.append(len(rows))
            rows.append(fields)
        else:
            unreadable.append(len(rows))
            rows.append(_known_fields(body[start:end], lines))
    if rows and len(unreadable) == len(rows):
        got = len(next(csv.reader([body[starts[0]]], delimiter=lines.delimiter)))
        raise UserError(
            f"{lines.path} line {lines.first + starts[0]}: expected {len(columns)} fields "
            f"({', '.join(columns)}), got {got}, and no other line is valid either; "
            "quotes inside a field must be doubled (table.delimiter sets the character between fields)"
        )
    cut = set(starts) & set(doubtful)
    findings = lines.finding("line that may be part of the record before", "read as a record", sorted(cut))
    kept = sorted(set(doubtful) - cut)
    findings += lines.finding("line that may begin a record", "kept as part of the record before", kept)
    return Table(lines.path, _by_column(columns, rows), repaired, unreadable, findings)


def _known_fields(record: Sequence[str], lines: _Lines) -> list[str]:
    """Return the fields of a record that cannot be cut: its free text and all beyond it are empty."""
    layout, width = lines.layout, len(lines.columns)
    if layout is not None and layout.backwards:
        last = next(line for line in reversed(record) if line.strip())
        known = next(csv.reader([last], delimiter=lines.delimiter))[-layout.after :]
        return [*[""] * (width - len(known)), *known]
    known = next(csv.reader([record[0]], delimiter=lines.delimiter))[: layout.before if layout else 1]
    return [*known, *[""] * (width - len(known))]


def _by_column(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    return {name: [row[place].strip() for row in rows] for place, name in enumerate(columns)}
