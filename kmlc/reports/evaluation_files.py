"""What the reports of evaluations share: sections as tables of strings, on the screen and in files."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kmlc.csv_file import write_csv
from kmlc.files import write_json, write_text
from kmlc.markdown import counted, escape, markdown_table
from kmlc.objectives.bootstrap import CONFIDENCE
from kmlc.plotting import short
from kmlc.tasks.evaluation import Estimate
from kmlc.training.outputs import EVALUATION_COLUMNS, EVALUATION_FILES

_NARROW = 24
"""The most characters of the first column on the screen, where tables are at most 100 wide."""
_SHORTEST = 8
"""The fewest characters of a column's name in the name of a slice."""


@dataclass(frozen=True)
class Subject:
    """What was evaluated, and how.

    Attributes:
        run: the run directory.
        against: the run that it is compared with, if any.
        source: where the rows are from.
        notes: what the reader of the metrics must know of them.
        resamples: number of resamples of the bootstrap.
        seed: what drew them.
    """

    run: str
    against: str | None
    source: str
    notes: Sequence[str]
    resamples: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {**asdict(self), "notes": list(self.notes), "confidence": CONFIDENCE}

    def lines(self, rows: int) -> list[str]:
        """Return the head of a report: the rows, the interval, the notes."""
        drawn = (
            f"{CONFIDENCE:.0%} intervals: {counted(self.resamples, 'resample')} of the rows, seed {self.seed}"
        )
        return [f"{counted(rows, 'row')}: {self.source}", drawn, *(f"note: {each}" for each in self.notes)]


@dataclass(frozen=True)
class Section:
    """A table of a report.

    Attributes:
        title: its title.
        header: names of the columns; the first is of names.
        rows: the cells.
        shown: indices of the rows for the screen, the most important ones; None is all.
        footnote: a line below, in files.
        name_width: the most characters of a name on the screen.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    shown: Sequence[int] | None = None
    footnote: str = ""
    name_width: int = _NARROW

    def screen(self) -> str:
        """Return the table with aligned columns, at most 100 wide."""
        places = range(len(self.rows)) if self.shown is None else self.shown
        rows = (self.rows[each] for each in places)
        lines = [[short(name, self.name_width), *cells] for name, *cells in rows]
        lines.insert(0, [self.title, *self.header[1:]])
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        table = [_aligned(line, widths).rstrip() for line in lines]
        if len(places) < len(self.rows):
            table.append(f"  {len(places)} of {len(self.rows):,} are shown; {EVALUATION_FILES[2]} has all")
        return "\n".join(table)

    def markdown(self) -> str:
        """Return the table in Markdown, under its title."""
        rows = [[escape(name), *cells] for name, *cells in self.rows]
        text = f"## {self.title[0].upper()}{self.title[1:]}\n\n{markdown_table(self.header, rows)}"
        return f"{text}\n\n{self.footnote}" if self.footnote else text


def screen(head: Sequence[str], sections: Iterable[Section]) -> str:
    """Return a report for a screen: its head, then its tables."""
    return "\n\n".join(["\n".join(head), *(section.screen() for section in sections)])


def page_parts(head: Sequence[str], sections: Iterable[Section]) -> list[str]:
    """Return the same in Markdown, for `write_files`."""
    return ["\n".join(f"- {escape(line)}" for line in head), *(section.markdown() for section in sections)]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return a line with the first cell aligned left and the others right."""
    spaces = [" " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
    others = (space + cell for space, cell in zip(spaces[1:], cells[1:], strict=True))
    return "  ".join([cells[0] + spaces[0], *others])


def _width(text: str) -> int:
    """Return how many columns of a terminal a string takes."""
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)


def number(value: float | None) -> str:
    """Return a number for a cell, "-" for None."""
    return "-" if value is None else f"{value:.4f}"


def estimated(each: Estimate) -> str:
    """Return a metric with its interval for a cell.

    Example:
        estimated(Estimate(0.81, 0.79, 0.83))  # "0.8100 [0.7900, 0.8300]"
    """
    if each.low is None or each.high is None:
        return number(each.value)
    return f"{number(each.value)} [{number(each.low)}, {number(each.high)}]"


def narrow(each: Estimate) -> str:
    """Return the same for a screen, where four of them are in a line.

    Example:
        narrow(Estimate(0.81, 0.79, 0.83))  # "0.810 0.79-0.83"
    """
    if each.value is None:
        return "-"
    ends = "" if each.low is None or each.high is None else f" {each.low:.2f}-{each.high:.2f}"
    return f"{each.value:.3f}{ends}"


def slice_name(by: str, value: str, width: int) -> str:
    """Return the name of a slice for a screen, where a long name of its column gives way to the value.

    Example:
        slice_name("where the picture was taken", "indoors", 24)  # "where the pict…: indoors"
    """
    return f"{short(by, max(width - len(value) - 2, _SHORTEST))}: {value}"


def long_form(
    what: str, name: str, metric: str, each: Estimate | float | None, rows: int, by: str = ""
) -> dict[str, Any]:
    """Return a line of evaluation.csv.

    Args:
        what: what it is about, such as `metric`.
        name: the class, or "".
        metric: name of the metric.
        each: the metric, with or without an interval.
        rows: number of rows that it is of.
        by: the slice, or "".
    """
    value, low, high = each if isinstance(each, Estimate) else (each, None, None)
    return dict(zip(EVALUATION_COLUMNS, (what, by, name, metric, value, low, high, rows), strict=True))


def write_files(
    folder: Path, value: dict[str, Any], lines: Iterable[dict[str, Any]], title: str, parts: Sequence[str]
) -> None:
    """Write evaluation.json, .csv and .md into a folder, which is made if it does not exist."""
    folder.mkdir(exist_ok=True)
    values, table, page = (folder / name for name in EVALUATION_FILES)
    write_json(values, value)
    write_csv(table, pd.DataFrame(lines, columns=list(EVALUATION_COLUMNS), dtype=object))
    write_text(page, "\n\n".join([f"# {escape(title)}", *parts]) + "\n")
