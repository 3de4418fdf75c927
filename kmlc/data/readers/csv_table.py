"""Reads CSV files, broken ones too, without losing a row.

The competition's tables quote their captions but do not double the quotes inside them, and some captions
contain a line break. pandas with its defaults fails on such a file, or loses rows. Here a file that is valid
CSV is read as such. Any other is cut into records where `RecordLayout` says that they begin; a record that is
still not valid is cut by position, and what lies between the other columns is the caption.
"""

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path

import numpy as np

from kmlc.data.columns import STRING, chunks, strings
from kmlc.data.data_report import Finding
from kmlc.data.readers.record_lines import RecordLayout, usual_shapes
from kmlc.data.readers.table import Table
from kmlc.errors import UserError

# The default, 131,072 characters, is less than a long caption may have.
csv.field_size_limit(2**31 - 1)

_DELIMITERS = ",;\t"
_ERRORS = "replace"  # Windows-1252 lacks five bytes; text in other encodings has no errors
_ANOTHER_WAY = "kept as one record; table.one_record_per_line true cuts there"


@dataclass(frozen=True)
class _File:
    """A table as text.

    Attributes:
        path: the file.
        encoding: of its text.
        header: the line with the names of the columns.
        first: the number of the line below it, counted from 1.
        most: a number of lines that it does not exceed.
        delimiter: the character between two fields.
        text_column: the column of free text.
    """

    path: Path
    encoding: str
    header: str
    first: int
    most: int
    delimiter: str
    text_column: str

    def lines(self) -> Iterator[str]:
        """Yield the lines below the header, each with its line end."""
        with self.path.open(encoding=self.encoding, errors=_ERRORS, newline="") as stream:
            yield from islice(stream, self.first - 1, None)

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

    def finding(self, what: str, action: str, lines: Mapping[int, str]) -> list[Finding]:
        """Return what was found in some lines, by their numbers below the header, if there are any."""
        rows = [f"line {self.first + number}: {line[:60]}" for number, line in lines.items()]
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
    encoding, most, findings = _encoding(path)
    with path.open(encoding=encoding, errors=_ERRORS, newline="") as stream:
        number, header = next(
            ((number, line) for number, line in enumerate(stream, 1) if line.strip()), (0, "")
        )
    if not header:
        raise UserError(f"{path}: the file is empty; expected a header line and one line for each image")
    if delimiter == "auto":
        delimiter = max(_DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each))))
    file = _File(path, encoding, header, number + 1, most, delimiter, text_column)
    columns = file.columns
    repeated = next((name for name in columns if name and columns.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{path}: expected each column once; got {repeated!r} twice")
    table = None if one_record_per_line else _read_valid(file)
    if table is None:
        table = _read_broken(file, one_record_per_line)
    table.findings[:0] = findings
    return table


def _encoding(path: Path) -> tuple[str, int, list[Finding]]:
    """Return the encoding of a file, a number of lines that it does not exceed, and what was found."""
    encoding, findings, most, before = "utf-8-sig", list[Finding](), 1, 0
    try:
        with path.open("rb") as stream:
            if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                encoding = "utf-16"
            stream.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)()
            for block in chain(iter(partial(stream.read, 2**20), b""), [b""]):
                most += block.count(b"\n") + block.count(b"\r")
                if not findings:
                    try:
                        decoder.decode(block, final=not block)
                    except UnicodeDecodeError as error:
                        line = before + error.object.count(b"\n", 0, error.start) + 1
                        encoding, what = "cp1252", "table that is not UTF-8"
                        findings = [Finding(what, "read as Windows-1252", [f"line {line}"])]
                before += block.count(b"\n")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: expected a CSV file; it is a folder") from None
    except OSError as error:
        raise UserError(f"{path}: could not be read: {error.strerror}") from None
    return encoding, most, findings


def _read_valid(file: _File) -> Table | None:
    """Read a table of valid CSV, some rows at a time; None if it is not valid."""
    layout, recent, rows = file.layout, list[str](), 0
    columns: list[np.ndarray] = [np.empty(file.most, STRING) for _ in file.columns]
    inside: dict[int, str] = {}

    def lines() -> Iterator[str]:
        for line in file.lines():
            recent.append(line)
            yield line

    def fields() -> Iterator[list[str]]:
        for start, end, found in _records(lines(), file.delimiter, len(columns)):
            if layout is not None:
                inside.update((line, recent[line - end].rstrip("\r\n")) for line in layout.inside(start, end))
            recent.clear()
            yield found

    try:
        for some in chunks(fields()):
            for column, values in zip(columns, zip(*some, strict=True), strict=True):
                column[rows : rows + len(some)] = [value.strip() for value in values]
            rows += len(some)
    except csv.Error:
        return None
    named = {name: column[:rows] for name, column in zip(file.columns, columns, strict=True)}
    table = Table(file.path, named)
    if layout is not None and inside:
        usual = usual_shapes(named[layout.name(file.columns)])
        found = {number: line for number, line in inside.items() if layout.like_record(line, usual)}
        table.findings += file.finding("line like a record inside a quoted field", _ANOTHER_WAY, found)
    return table


def _records(lines: Iterable[str], delimiter: str, width: int) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the first line, the line after the last, and the fields of each record of valid CSV.

    Raises:
        csv.Error: if it is not valid.
    """
    reader, start = csv.reader(lines, delimiter=delimiter, strict=True), 0
    for fields in reader:
        # The other lines are blank.
        if len(fields) == width and (width > 1 or fields[0].strip()):
            yield start, reader.line_num, fields
        elif len(fields) > 1 or "".join(fields).strip():
            raise csv.Error(f"expected {width} fields")
        start = reader.line_num


def _read_broken(file: _File, one_record_per_line: bool) -> Table:
    """Read a table that is not valid CSV, record by record."""
    columns, layout, lines = file.columns, file.layout, list(file.lines())
    body = [line.rstrip("\r\n") for line in lines]
    if one_record_per_line or layout is None:
        starts = [number for number, line in enumerate(body) if line.strip()]
        doubtful: list[int] = []
    else:
        starts, doubtful = layout.starts(body)
    rows: list[list[str]] = []
    repaired: list[int] = []
    unreadable: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        valid = _valid_fields(lines[start:end], file.delimiter, len(columns))
        if valid is not None:
            rows.append(valid)
        elif layout is not None and (fields := layout.cut("\n".join(body[start:end]))) is not None:
            repaired.append(len(rows))
            rows.append(fields)
        else:
            unreadable.append(len(rows))
            rows.append(_known_fields(body[start:end], file))
    if rows and len(unreadable) == len(rows):
        got = len(next(csv.reader([body[starts[0]]], delimiter=file.delimiter)))
        raise UserError(
            f"{file.path} line {file.first + starts[0]}: expected {len(columns)} fields "
            f"({', '.join(columns)}), got {got}, and no other line is valid either; "
            "quotes inside a field must be doubled (table.delimiter sets the character between fields)"
        )
    cut = set(starts) & set(doubtful)
    kept = set(doubtful) - cut
    findings = []
    for what, action, numbers in (
        ("line that may be part of the record before", "read as a record", cut),
        ("line that may begin a record", "kept as part of the record before", kept),
    ):
        findings += file.finding(what, action, {number: body[number] for number in sorted(numbers)})
    return Table(file.path, _by_column(columns, rows), repaired, unreadable, findings)


def _valid_fields(lines: Sequence[str], delimiter: str, width: int) -> list[str] | None:
    """Return the fields of lines that are one record of valid CSV, or None."""
    try:
        records = list(_records(lines, delimiter, width))
    except csv.Error:
        return None
    return records[0][2] if len(records) == 1 else None


def _known_fields(record: Sequence[str], file: _File) -> list[str]:
    """Return the fields of a record that cannot be cut: its free text and all beyond it are empty."""
    layout, width = file.layout, len(file.columns)
    if layout is not None and layout.backwards:
        last = next(line for line in reversed(record) if line.strip())
        known = next(csv.reader([last], delimiter=file.delimiter))[-layout.after :]
        return [*[""] * (width - len(known)), *known]
    known = next(csv.reader([record[0]], delimiter=file.delimiter))[: layout.before if layout else 1]
    return [*known, *[""] * (width - len(known))]


def _by_column(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    return {name: strings(row[place].strip() for row in rows) for place, name in enumerate(columns)}
