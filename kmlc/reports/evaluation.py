"""The report of an evaluation: metrics with intervals, of all rows, of each class and of slices."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kmlc.markdown import metric_title
from kmlc.reports.evaluation_files import (
    Section,
    Subject,
    estimated,
    long_form,
    narrow,
    page_parts,
    screen,
    slice_name,
    write_files,
)
from kmlc.tasks.evaluation import CLASS_METRICS, Evaluation

_CLASSES = 25
"""The most classes on the screen: those with the most rows."""
_SLICE_WIDTH = 40
"""The most characters of the name of a slice on the screen, where two metrics are beside it."""


@dataclass(frozen=True)
class EvaluationReport:
    """The evaluation of a run, to be printed and written.

    Attributes:
        subject: what was evaluated.
        evaluation: its metrics.
        highlights: the metrics that slices are shown with; the files have all.
    """

    subject: Subject
    evaluation: Evaluation
    highlights: tuple[str, ...]

    def screen(self) -> str:
        """Return the tables for a screen of 100 columns."""
        return screen(self._head, self._sections(short=True))

    def write(self, folder: Path) -> None:
        """Write evaluation.json, evaluation.csv and evaluation.md into a folder; same input, same bytes."""
        parts = page_parts(self._head, self._sections(short=False))
        write_files(folder, self._values(), self._lines(), f"Evaluation of {self.subject.run}", parts)

    @cached_property
    def _head(self) -> list[str]:
        lines, outside = self.subject.lines(self.evaluation.rows), self._outside
        if outside:
            lines.append(
                f"note: outside of its own interval: {', '.join(outside)}; resamples repeat rows, which "
                "moves the metrics of labels with few rows"
            )
        return lines

    @property
    def _outside(self) -> list[str]:
        return [metric_title(name) for name, each in self.evaluation.metrics.items() if each.is_outside]

    def _sections(self, short: bool) -> Iterator[Section]:
        metrics = [[metric_title(name), estimated(each)] for name, each in self.evaluation.metrics.items()]
        yield Section("metrics", ["metric", "value"], metrics)
        if self.evaluation.slices:
            titles = map(metric_title, self.highlights)
            rows = [
                [
                    slice_name(each.by, each.value, _SLICE_WIDTH) if short else f"{each.by}: {each.value}",
                    f"{each.rows:,}",
                    *(estimated(each.metrics[name]) for name in self.highlights),
                ]
                for each in self.evaluation.slices
            ]
            footnote = "All metrics of each slice are in `evaluation.csv`."
            header = ["slice", "rows", *titles]
            yield Section("slices", header, rows, footnote=footnote, name_width=_SLICE_WIDTH)
        cell = narrow if short else estimated
        rows = [
            [
                each.name,
                f"{each.support:,}",
                *(cell(each.metrics[name]) for name in CLASS_METRICS),
            ]
            for each in self.evaluation.classes
        ]
        yield Section("labels", ["label", "rows", "precision", "recall", "F1", "AP"], rows, self._shown)

    @property
    def _shown(self) -> list[int]:
        """Return the places of the classes with the most rows, in order."""
        classes = self.evaluation.classes
        return sorted(sorted(range(len(classes)), key=lambda place: -classes[place].support)[:_CLASSES])

    def _values(self) -> dict[str, Any]:
        evaluation = self.evaluation
        return {
            **self.subject.as_dict(),
            "rows": evaluation.rows,
            "metrics": {name: each._asdict() for name, each in evaluation.metrics.items()},
            "classes": [
                {
                    "name": each.name,
                    "support": each.support,
                    **{name: value._asdict() for name, value in each.metrics.items()},
                }
                for each in evaluation.classes
            ],
            "slices": [
                {
                    "by": each.by,
                    "value": each.value,
                    "rows": each.rows,
                    "metrics": {name: value._asdict() for name, value in each.metrics.items()},
                }
                for each in evaluation.slices
            ],
        }

    def _lines(self) -> Iterator[dict[str, Any]]:
        evaluation = self.evaluation
        for name, value in evaluation.metrics.items():
            yield long_form("metric", "", name, value, evaluation.rows)
        for each in evaluation.classes:
            yield long_form("class", each.name, "support", each.support, evaluation.rows)
            for name, value in each.metrics.items():
                yield long_form("class", each.name, name, value, evaluation.rows)
        for part in evaluation.slices:
            for name, value in part.metrics.items():
                yield long_form("slice", "", name, value, part.rows, f"{part.by}: {part.value}")
