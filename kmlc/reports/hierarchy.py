"""What a report says of a hierarchy: superclasses confused, weak subclasses, and how novelty is told."""

from typing import Any

import numpy as np
import pandas as pd

from kmlc.files import read_json, write_text
from kmlc.markdown import markdown_table, number
from kmlc.plotting import save_plot
from kmlc.reports import hierarchy_plots
from kmlc.tasks.hierarchy import LEVELS
from kmlc.tasks.hierarchy.task import Hierarchical
from kmlc.training.run_directory import RunDirectory


def sections(run: RunDirectory, metrics: dict[str, Any], task: Hierarchical) -> list[str]:
    """Write the table of subclasses and the pictures into the run directory; return the report's sections.

    `subclasses.csv` has a row for each subclass with validation rows: subclass, superclass, support,
    precision, recall, f1, the weakest first.
    """
    details = metrics["details"]["validation"]
    with np.load(run.logits, allow_pickle=False) as saved:
        labels, logits = saved["validation_labels"], saved["validation_logits"]
    confusion = details["superclass_confusion"]
    save_plot(
        run.plots / "superclass_confusion.png",
        hierarchy_plots.confusion(np.array(confusion["counts"]), confusion["classes"]),
    )
    subclasses = pd.DataFrame(task.subclasses(labels, logits))
    write_text(run.path / "subclasses.csv", subclasses.to_csv(index=False, lineterminator="\n"))
    weakest = [
        [str(value) if place < 2 else number(value) for place, value in enumerate(each.values())]
        for each in details["weakest_subclasses"]
    ]
    return [
        "*Open* metrics are of all rows, predicted with novelty, novel counting as one more class; the "
        "others are of the rows of known classes, predicted without novelty. The novelty thresholds were "
        "fitted on these same rows, so that the open metrics are a little better than new rows will be.",
        "## Superclasses\n\nDecided with novelty, on all validation rows.",
        "![Superclasses, true and predicted](plots/superclass_confusion.png)",
        "## The weakest subclasses\n\n"
        + markdown_table(list(details["weakest_subclasses"][0]), weakest, text_columns=2)
        + "\n\nAll of them are in `subclasses.csv`.",
        *_novelty(run, details, task, labels, logits),
    ]


def _novelty(
    run: RunDirectory, details: dict[str, Any], task: Hierarchical, labels: np.ndarray, logits: np.ndarray
) -> list[str]:
    thresholds = read_json(run.thresholds)
    parts = [
        f"## Novelty\n\nA row whose score ({task.config.hierarchy.novelty}) is above a level's threshold is "
        "novel there. The superclass score is the sum of both heads' scores.",
        markdown_table(
            ["level", "threshold", "known rows that pass", "novel rows"],
            [
                [
                    level,
                    *map(
                        number,
                        (thresholds[level], details["known_share"][level], details["novel_rows"][level]),
                    ),
                ]
                for level in LEVELS
            ],
        ),
    ]
    if task.vocabulary.held_out:
        names = ", ".join(f"*{name}*" for name in task.vocabulary.held_out)
        parts.append(f"Held out of training, {len(task.vocabulary.held_out)} in all: {names}.")
    shown = [level for level in LEVELS if details["novel_rows"][level]]
    if shown:
        known = ~task.vocabulary.novel_rows(labels)
        levels = {
            level: (scores[known], scores[novel], thresholds[level])
            for level, scores, novel in zip(LEVELS, task.scores(logits), task.novel(labels), strict=True)
            if level in shown
        }
        save_plot(run.plots / "novelty.png", hierarchy_plots.novelty(levels))
        parts.append("![Novelty scores of known and of novel rows](plots/novelty.png)")
    return [*parts, *task.advice(details)]
