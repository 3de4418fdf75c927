"""Writes the submission: the predicted labels of every row of a test table, as CSV.

Its columns are those of `submission` in the run's task, `kmlc/tasks/<task>/task.py`.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from kmlc.data.labels import KnownLabels
from kmlc.files import check_writable, write_csv
from kmlc.markdown import metric_title
from kmlc.prediction.predictor import Predictor
from kmlc.tasks.rows import read_test, read_test_labels
from kmlc.tasks.task import Task, Thresholds


def predict_table(
    predictor: Predictor,
    data: str | None,
    out: Path,
    proba: Path | None = None,
    without: Literal["images", "captions"] | None = None,
) -> None:
    """Predict every row of the test table, once and in order, and write a submission.

    Args:
        predictor: one finished run or several.
        data: the data folder; None is the one that the first run was trained on.
        out: the submission, with the columns of `Task.submission`.
        proba: where to write the probabilities, a column for each class; None writes none.
        without: predict as if the rows had no images, or no captions.

    Raises:
        UserError: if the table is missing or lacks a column, or feature vectors have another length.

    Example:
        predict_table(load_predictor([Path("runs/mine")]), "my_folder", Path("submission.csv"))
    """
    first, config = predictor.runs[0], predictor.config
    if data is not None:
        config = dataclasses.replace(config, data=data)
    for path in (out, proba):
        if path is not None:
            check_writable(path)
    records, report = read_test(config)
    print(report.summary())
    predictor.check_features(records, report.file)
    if without == "images":
        records = dataclasses.replace(records, images=[""] * len(records))
    if without == "captions":
        records = dataclasses.replace(records, captions=[""] * len(records))
    predictor.note_ignored_captions(records)
    print(f"Predicting {len(records):,} rows with {predictor.name}", flush=True)
    logits = predictor.logits(records)
    table = first.task.submission(records.ids, logits, predictor.thresholds)
    write_csv(out, table)
    print(f"{out}: {len(table):,} rows")
    if proba is not None:
        columns = first.task.probabilities(logits)
        columns.insert(0, config.table.image_column, records.ids)
        write_csv(proba, columns)
        print(f"{proba}: probabilities of {logits.shape[1]} classes")
    # A file of feature vectors has no test split: a metric on rows that a run was trained on says nothing.
    trained_on = config.tower.input == "features" and config.data == first.config.data
    known = None if trained_on else read_test_labels(config, first.task, records)
    if known is not None:
        _print_score(first.task, known, logits, predictor.thresholds)


def _print_score(task: Task, known: KnownLabels, logits: np.ndarray, thresholds: Thresholds) -> None:
    """Print the metrics of the test rows that have labels, and what is not in them."""
    for note in known.notes:
        print(f"Labels of the test rows: {note}")
    if not len(known.rows):
        print("No score: no test row has a label that the run knows")
        return
    metrics = task.metrics(known.encoded, logits[list(known.rows)], thresholds)
    shown = [
        f"{metric_title(name)} {value:.4f}" for name in task.curves if (value := metrics[name]) is not None
    ]
    scored, every = len(known.rows), len(logits)
    rows = "the test rows" if scored == every else f"{scored:,} of {every:,} test rows"
    print(f"Against the labels of {rows}: {', '.join(shown)}")
