"""The report of two runs on the same rows: differences of the metrics, and McNemar's test of each label."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kmlc.markdown import metric_title
from kmlc.reports.evaluation_files import (
    Section,
    Subject,
    estimated,
    long_form,
    number,
    page_parts,
    screen,
    write_files,
)
from kmlc.tasks.comparison import Comparison

_LABELS = 25
"""The most labels on the screen: those with the lowest p-values."""


@dataclass(frozen=True)
class ComparisonReport:
    """The comparison of two runs, to be printed and written.

    Attributes:
        subject: what was compared.
        comparison: the differences.
    """

    subject: Subject
    comparison: Comparison

    def screen(self) -> str:
        """Return the tables for a screen of 100 columns."""
        return screen(self._head, self._sections())

    def write(self, folder: Path) -> None:
        """Write evaluation.json, evaluation.csv and evaluation.md into a folder; same input, same bytes."""
        title = f"{self.subject.run} against {self.subject.against}"
        write_files(folder, self._values(), self._lines(), title, page_parts(self._head, self._sections()))

    @property
    def _head(self) -> list[str]:
        runs = f"A is {self.subject.run}, B is {self.subject.against}"
        return [runs, *self.subject.lines(self.comparison.rows)]

    def _sections(self) -> Iterator[Section]:
        rows = [
            [
                metric_title(name),
                *(number(each.one), number(each.other)),
                *(estimated(each.difference), number(each.p)),
            ]
            for name, each in self.comparison.metrics.items()
        ]
        header = ["metric", "A", "B", "A - B", "p"]
        footnote = "p: two-sided, twice the smaller share of the paired resamples on either side of 0."
        yield Section("metrics", header, rows, footnote=footnote)
        tests = [self.comparison.exact_match, *self.comparison.labels]
        rows = [
            [each.name, f"{each.only_one:,}", f"{each.only_other:,}", number(each.p), number(each.p_holm)]
            for each in tests
        ]
        lowest = sorted(range(1, len(tests)), key=lambda place: tests[place].p)[:_LABELS]
        footnote = (
            "Rows that only one run gets right, and p-values of McNemar's exact test; those of labels are "
            "also corrected for their number (Holm)."
        )
        header = ["label", "only A right", "only B right", "p", "p (Holm)"]
        yield Section("McNemar's test", header, rows, [0, *sorted(lowest)], footnote)

    def _values(self) -> dict[str, Any]:
        return {
            **self.subject.as_dict(),
            "rows": self.comparison.rows,
            "metrics": {
                name: {**asdict(each), "difference": each.difference._asdict()}
                for name, each in self.comparison.metrics.items()
            },
            "exact_match": asdict(self.comparison.exact_match),
            "labels": [asdict(each) for each in self.comparison.labels],
        }

    def _lines(self) -> Iterator[dict[str, Any]]:
        rows = self.comparison.rows
        for name, each in self.comparison.metrics.items():
            yield long_form("A", "", name, each.one, rows)
            yield long_form("B", "", name, each.other, rows)
            yield long_form("difference", "", name, each.difference, rows)
            yield long_form("p", "", name, each.p, rows)
        for test in (self.comparison.exact_match, *self.comparison.labels):
            for name in ("only_one", "only_other", "p", "p_holm"):
                yield long_form("McNemar", test.name, name, getattr(test, name), rows)
