"""What a report says of several labels to a row: each label's metrics, precision-recall curves."""

from typing import Any

import numpy as np
import pandas as pd

from kmlc.data.labels import Vocabulary
from kmlc.files import read_json, write_text
from kmlc.markdown import markdown_table, number
from kmlc.objectives.metrics import probabilities
from kmlc.plotting import save_plot
from kmlc.reports import plots
from kmlc.tasks.multilabel.task import Multilabel
from kmlc.training.run_directory import RunDirectory


def sections(run: RunDirectory, metrics: dict[str, Any], task: Multilabel) -> list[str]:
    """Write each label's table and pictures into the run directory; return the report's sections on them.

    The table, `per_class.csv`, has system 3's columns (class, best_threshold, val_f1, and test_f1 if rows
    were held out for a test) and further metrics, test_average_precision among them.
    """
    classes = _classes(run, metrics, task.vocabulary)
    write_text(run.path / "per_class.csv", classes.to_csv(index=False, lineterminator="\n"))
    scores = [name for name in ("val_f1", "test_f1") if name in classes]
    parts: list[str] = [part for part in ("validation", "test") if part in metrics]
    macro_map = {part: metrics[part]["macro_map"] for part in parts}
    save_plot(run.plots / "per_class_f1.png", plots.per_class_f1(classes, scores, macro_map))
    with np.load(run.logits, allow_pickle=False) as saved:
        labels, scored = saved["validation_labels"], probabilities(saved["validation_logits"])
    save_plot(run.plots / "precision_recall.png", plots.precision_recall(classes, labels, scored, macro_map))
    rows = [[number(value) if value != row[0] else value for value in row] for row in classes.values.tolist()]
    header = [name.replace("_", " ") for name in classes.columns.tolist()]
    evaluated = "All but test f1 and test average precision are" if "test_f1" in classes else "All are"
    return [
        *_bias(task),
        f"## Each label\n\n{markdown_table(header, rows)}\n\n{evaluated} on the validation rows. "
        "The table is in `per_class.csv`.",
        "![F1 of each label](plots/per_class_f1.png)",
        "![Precision and recall of each label](plots/precision_recall.png)",
    ]


def _bias(task: Multilabel) -> list[str]:
    if task.config.thresholds.method == "fixed":
        return []
    return [
        f"The thresholds ({task.config.thresholds.method}) were fitted on the validation rows, so that its "
        "column is a little better than new rows will be."
    ]


def _classes(run: RunDirectory, metrics: dict[str, Any], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return a row for each label: threshold, F1 on each held-out part, and more of the validation rows."""
    thresholds, details = read_json(run.thresholds), metrics["details"]
    validation = [details["validation"]["per_class"][label] for label in vocabulary.labels]
    columns = {
        "class": vocabulary.display(),
        "best_threshold": [thresholds[label] for label in vocabulary.labels],
        "val_f1": [each["f1"] for each in validation],
    }
    if "test" in details:
        columns["test_f1"] = [details["test"]["per_class"][label]["f1"] for label in vocabulary.labels]
    for name in ("precision", "recall", "average_precision", "support"):
        columns[name] = [each[name] for each in validation]
    if "test" in details:
        columns["test_average_precision"] = [
            details["test"]["per_class"][label]["average_precision"] for label in vocabulary.labels
        ]
    return pd.DataFrame(columns, dtype=object)
