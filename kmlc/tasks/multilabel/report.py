"""Report sections of multi-label classification: metrics of each label, precision-recall curves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kmlc.csv_file import write_csv
from kmlc.data.labels import Vocabulary
from kmlc.markdown import escape, format_number, markdown_table, metric_title
from kmlc.plotting import save_plot
from kmlc.tasks.multilabel import plots
from kmlc.tasks.task import Thresholds


def sections(
    folder: Path,
    metrics: Mapping[str, Any],
    vocabulary: Vocabulary,
    thresholds: Thresholds,
    method: str,
    labels: np.ndarray,
    scores: np.ndarray,
) -> list[str]:
    """Write each label's table and plots, and return the report's sections on them.

    The table, `per_class.csv`, has system 3's columns (class, best_threshold, val_f1, and test_f1 if there is
    a test split) and further metrics, test_average_precision among them.

    Args:
        folder: receives the table, and the plots in `plots/`.
        metrics: the content of metrics.json.
        vocabulary: the labels.
        thresholds: the threshold of each label.
        method: how they were fitted, a name in `kmlc.objectives.thresholds.METHODS`.
        labels: true labels of the validation rows, 0/1, shape (rows, classes).
        scores: their probabilities, same shape.
    """
    classes = _classes(metrics["details"], vocabulary, thresholds)
    write_csv(folder / "per_class.csv", classes)
    f1_columns = [name for name in ("val_f1", "test_f1") if name in classes]
    macro_map = {split: metrics[split]["macro_map"] for split in ("validation", "test") if split in metrics}
    save_plot(folder / "plots" / "per_class_f1.png", plots.per_class_f1(classes, f1_columns, macro_map))
    curves = plots.precision_recall(classes, labels, scores, macro_map)
    save_plot(folder / "plots" / "precision_recall.png", curves)
    rows = [[escape(name), *map(format_number, values)] for name, *values in classes.values.tolist()]
    header = [metric_title(name) for name in classes.columns.tolist()]
    evaluated = "All but test F1 and test average precision are" if "test_f1" in classes else "All are"
    return [
        *_bias(method),
        f"## Each label\n\n{markdown_table(header, rows)}\n\n{evaluated} on the validation rows. "
        "The table is in `per_class.csv`.",
        "![F1 of each label](plots/per_class_f1.png)",
        "![Precision and recall of each label](plots/precision_recall.png)",
    ]


def _bias(method: str) -> list[str]:
    if method == "fixed":
        return []
    return [
        f"The thresholds ({method}) were fitted on the validation rows, so the metrics on them are slightly "
        "better than those on new rows will be."
    ]


def _classes(details: Mapping[str, Any], vocabulary: Vocabulary, thresholds: Thresholds) -> pd.DataFrame:
    """Return a row for each label: threshold, F1 on the held-out splits, more metrics on validation."""
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
