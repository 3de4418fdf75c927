"""Finds where records begin in lines that are not valid CSV, and cuts a record into its fields.

A record is one line, or several if its free text contains line breaks. A line begins a record if two of three
signs say so. What is usual is learned from the file itself.

- shape: its first field is written like those of other records, as in digits with a suffix
- text: the free text after it begins with a quote, or without one if that is usual
- before: the record before it is complete

A line with enough fields also begins a record if the record before it is complete, has an even number of
quotes, and no later line closes that record. Lines on which the signs disagree could be read in another way;
they are returned too.

If the free text is the first column, characters and lines are read backwards: the last column then says where
a record ends.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

# A shape that fewer first fields than this share have may be that of a line inside a caption.
_USUAL = 0.01
_QUOTED = r' *"[^"]*(?:""[^"]*)*" *'

Shape = tuple[bool, frozenset[str]]
"""How a name is written: whether it has a suffix, and the kinds of characters before it."""


class Opening(NamedTuple):
    """The beginning of a record.

    Attributes:
        fields: the fields before the free text.
        text: where the free text begins in the line.
    """

    fields: list[str]
    text: int


class RecordLayout:
    """How the lines of a table become records.

    Args:
        delimiter: the character between two fields.
        before: the number of fields before the free text.
        after: the number of fields after it; 1 or more if none is before.

    Attributes:
        backwards: whether the free text is first, so that records are read from their ends.

    Example:
        RecordLayout(",", 1, 0).starts(['0.jpg,"a "b""', '1.jpg,"c', 'd"'])  # ([0, 1], [])
    """

    def __init__(self, delimiter: str, before: int, after: int) -> None:
        self.backwards = not before
        self.before, self.after = before, after
        if self.backwards:
            before, after = after, before
        end = re.escape(delimiter)
        bare = rf'(?! *")[^{end}\n]*'
        field = rf"({_QUOTED}|{bare}){end}"
        others = rf"(?:(?:{_QUOTED}|{bare}){end}){{{before - 1}}}"
        tail = rf'(?:{end}(?:{_QUOTED}|{bare}(?<!"))){{{after}}}\Z'
        self.delimiter, self._has_tail = delimiter, after > 0
        self._field = re.compile(field)
        self._head = re.compile(field + others)
        # The first field may contain the delimiter, as in `a,b.jpg,"a dog"`.
        self._loose_head = re.compile(rf'(.*?){end}{others}(?=")')
        self._tail = re.compile(tail)
        self._close = re.compile('"' + tail)

    def starts(self, lines: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the lines that begin a record, and those on which the signs disagree.

        The first line always begins one.
        """
        if not self.backwards:
            return self._starts(lines)
        filled = [number for number, line in enumerate(lines) if line.strip()]
        # Backwards, a line that begins a record ends one: the line below it begins the next.
        ends, doubtful = self._starts([lines[number] for number in reversed(filled)])
        starts, doubtful = (
            sorted(filled[len(filled) - number] for number in numbers if number)
            for numbers in (ends, doubtful)
        )
        return [*filled[:1], *starts], doubtful

    def _starts(self, lines: Sequence[str]) -> tuple[list[int], list[int]]:
        table = [_Line(self, line) for line in lines]
        openings = [line for line in table if line.opening]
        bare = 2 * sum(line.text.startswith('"') for line in openings) < len(openings)
        first, _ = self._classify_lines(table, bare, set())
        # A line whose text begins and ends with a quote is a record, whatever is before it.
        whole = [line for line in openings if line.text.startswith('"') and self.closes(line.text[1:])]
        names = [line.first for line in {*whole, *(table[number] for number in first)}]
        return self._classify_lines(table, bare, usual_shapes(names))

    def name(self, fields: Sequence[str]) -> str:
        """Return the field of a record by whose shape a record is known: the first, or last if backwards."""
        return fields[-1 if self.backwards else 0]

    def inside(self, start: int, end: int) -> range:
        """Return the lines of a record, from `start` to before `end`, without the one with its name."""
        return range(start, end - 1) if self.backwards else range(start + 1, end)

    def like_record(self, line: str, shapes: Collection[Shape]) -> bool:
        """Return whether a line inside a field looks like a record with a name of one of these shapes."""
        parsed = _Line(self, line)
        return parsed.opening is not None and parsed.text.startswith('"') and shape(parsed.first) in shapes

    def cut(self, record: str) -> list[str] | None:
        """Cut a record by position: what lies between the other fields is the free text.

        Returns:
            The fields, or None if there are too few.

        Example:
            RecordLayout(",", 1, 1).cut('0.jpg,"a "b", c","cat,dog"')  # ["0.jpg", 'a "b", c', "cat,dog"]
        """
        if not self.backwards:
            return self._cut(record)
        fields = self._cut(record[::-1].lstrip())
        return fields and [field[::-1] for field in reversed(fields)]

    def _cut(self, record: str) -> list[str] | None:
        record = record.rstrip()
        opening = self.opening(record.partition("\n")[0])
        tail = self._tail.search(record, opening.text) if opening else None
        if opening is None or tail is None:
            return None
        text = record[opening.text : tail.start()].strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            # Quotes inside it stay as they are.
            text = text[1:-1]
        after = self._field.findall(tail[0][1:] + self.delimiter) if self._has_tail else []
        return [*opening.fields, text, *map(_unquote, after)]

    def opening(self, line: str) -> Opening | None:
        """Return the beginning of the record that begins at a line, or None if it has too few fields."""
        found = self._head.match(line)
        if found is None or not line.startswith('"', found.end()):
            found = self._loose_head.match(line) or found
        if found is None:
            return None
        others = self._field.findall(line, found.end(1) + 1, found.end())
        return Opening([_unquote(field) for field in (found[1], *others)], found.end())

    def closes(self, text: str) -> bool:
        """Return whether free text that began with a quote, and its record, end at the end of this line."""
        return self._close.search(text.rstrip()) is not None

    def _classify_lines(
        self, table: Sequence["_Line"], bare_is_usual: bool, usual: Collection[Shape]
    ) -> tuple[list[int], list[int]]:
        """Return the lines that begin a record, and those on which the signs disagree.

        Args:
            table: the lines.
            bare_is_usual: whether free text usually begins without a quote.
            usual: the shapes of first fields that are usual.
        """
        starts: list[int] = []
        doubtful: list[int] = []
        complete, quoted, quotes = True, False, 0
        closed_later = self._closed_later(table, usual)
        for number, line in enumerate(table):
            if not line.line.strip():
                continue
            text_fits = line.opening is not None and (
                line.text.startswith('"') or (bare_is_usual and not line.text.rstrip().endswith('"'))
            )
            shape_fits = shape(line.first) in usual
            ended = complete and quotes % 2 == 0 and not (quoted and closed_later[number])
            begins = not starts or shape_fits + text_fits + complete >= 2
            begins = begins or (ended and line.opening is not None)
            if begins:
                closing = self.closes(line.line) and not line.text.startswith('"')
                sure = not starts or (shape_fits and complete and line.opening is not None and not closing)
                starts.append(number)
                quoted = line.text.startswith('"')
            else:
                sure = not (shape_fits or text_fits or complete)
            if not sure:
                doubtful.append(number)
            closes = self.closes(line.text[1:] if begins else line.line)
            complete = not quoted or closes or (ended and not begins)
            quotes = line.line.count('"') + (0 if begins else quotes)
        return starts, doubtful

    def _closed_later(self, table: Sequence["_Line"], usual: Collection[Shape]) -> list[bool]:
        """Return for each line whether quoted text that runs on into it is closed before the next record."""
        closed, found = False, []
        for line in reversed(table):
            if line.text.startswith('"') and (not usual or shape(line.first) in usual):
                closed = False
            elif self.closes(line.line):
                closed = True
            found.append(closed)
        return found[::-1]


class _Line:
    """A line, read as if a record began there; or ended there, and read backwards."""

    def __init__(self, layout: RecordLayout, line: str) -> None:
        self._layout = layout
        self.line = line[::-1] if layout.backwards else line
        self.opening = layout.opening(self.line)

    @property
    def text(self) -> str:
        """The free text, and what follows it."""
        return self.line[self.opening.text :] if self.opening else ""

    @cached_property
    def first(self) -> str:
        """The first field, forwards."""
        field = (
            self.opening.fields[0] if self.opening else self.line.partition(self._layout.delimiter)[0].strip()
        )
        return field[::-1] if self._layout.backwards else field


def shape(name: str) -> Shape:
    """Return how a name is written.

    Example:
        shape("img_12.jpg") == shape("photo_7.png")  # True
    """
    stem, dot, suffix = name.rpartition(".")
    if not (dot and stem and len(suffix) <= 5 and suffix.isalnum()):
        stem, suffix = name, ""
    kinds = ("9" if each.isdecimal() else "a" if each.isalpha() else each for each in stem)
    return bool(suffix), frozenset(kinds)


def usual_shapes(names: Iterable[str]) -> set[Shape]:
    """Return the shapes that are not rare among these names."""
    counts = Counter(map(shape, names))
    return {each for each, count in counts.items() if count >= _USUAL * counts.total()}


def _unquote(value: str) -> str:
    """Return the value of a field that may be in quotes."""
    value = value.strip()
    return value[1:-1].replace('""', '"') if len(value) > 1 and value[0] == value[-1] == '"' else value
