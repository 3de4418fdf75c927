"""Report sections of a hierarchy: superclass confusion, the weakest subclasses, novelty."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kmlc.csv_file import write_csv
from kmlc.markdown import escape, format_number, markdown_table
from kmlc.plotting import save_plot
from kmlc.tasks.hierarchy import LEVELS, plots
from kmlc.tasks.task import Thresholds

if TYPE_CHECKING:
    # The task imports this module.
    from kmlc.tasks.hierarchy.task import Hierarchical


def sections(
    task: "Hierarchical",
    folder: Path,
    metrics: Mapping[str, Any],
    thresholds: Thresholds,
    labels: np.ndarray,
    logits: np.ndarray,
) -> list[str]:
    """Write the table of subclasses and the plots, and return the report's sections.

    `subclasses.csv` has a row for each subclass with validation rows: subclass, superclass, support,
    precision, recall, f1, the weakest first. The arguments are those of `Task.report_sections`.
    """
    details = metrics["details"]["validation"]
    confusion = details["superclass_confusion"]
    save_plot(
        folder / "plots" / "superclass_confusion.png",
        plots.confusion(np.array(confusion["counts"]), confusion["classes"]),
    )
    subclasses = pd.DataFrame(task.subclasses(labels, logits))
    write_csv(folder / "subclasses.csv", subclasses)
    weakest = [
        [
            escape(str(value)) if place < 2 else format_number(value)
            for place, value in enumerate(each.values())
        ]
        for each in details["weakest_subclasses"]
    ]
    return [
        "*Open* metrics are of all rows, predicted with novelty, novel counting as one more class; the "
        "others are of the rows of known classes, predicted without novelty. The novelty thresholds were "
        "fitted on these same rows, so the open metrics are slightly better than those on new rows will be.",
        "## Superclasses\n\nPredicted with novelty, on all validation rows.",
        "![Superclasses, true and predicted](plots/superclass_confusion.png)",
        "## The weakest subclasses\n\n"
        + markdown_table(list(details["weakest_subclasses"][0]), weakest, text_columns=2)
        + "\n\nAll of them are in `subclasses.csv`.",
        *_novelty(task, folder, details, thresholds, labels, logits),
    ]


def _novelty(
    task: "Hierarchical",
    folder: Path,
    details: Mapping[str, Any],
    thresholds: Thresholds,
    labels: np.ndarray,
    logits: np.ndarray,
) -> list[str]:
    paragraphs = [
        f"## Novelty\n\nA row is novel at a level if its score ({task.config.hierarchy.novelty}) is above "
        "the level's threshold. The superclass score is the sum of the scores of both heads.",
        markdown_table(
            ["level", "threshold", "known rows that pass", "novel rows"],
            [
                [
                    level,
                    *map(
                        format_number,
                        (thresholds[level], details["known_share"][level], details["novel_rows"][level]),
                    ),
                ]
                for level in LEVELS
            ],
        ),
    ]
    held_out = task.vocabulary.held_out
    if held_out:
        names = ", ".join(f"*{escape(name)}*" for name in held_out)
        paragraphs.append(f"Held out of training, {len(held_out)} in all: {names}.")
    known = ~task.vocabulary.validation_only(labels)
    levels = {
        level: (scores[known], scores[novel], thresholds[level])
        for level, scores, novel in zip(LEVELS, task.scores(logits), task.novel(labels), strict=True)
        if details["novel_rows"][level]
    }
    if levels:
        save_plot(folder / "plots" / "novelty.png", plots.novelty(levels))
        paragraphs.append("![Novelty scores of known and of novel rows](plots/novelty.png)")
    return [*paragraphs, *task.advice(details)]
