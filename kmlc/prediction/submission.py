"""Writes the submission: the predicted labels of every row of a test table, as CSV.

Its columns are those of `submission` in the run's task, `kmlc/tasks/<task>/task.py`.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from kmlc.files import check_writable, write_csv
from kmlc.markdown import metric_title
from kmlc.prediction.predictor import Predictor
from kmlc.tasks.rows import read_test, read_test_labels


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
    labels = None if trained_on else read_test_labels(config, first.task, records)
    if labels is not None:
        metrics = first.task.metrics(labels, logits, predictor.thresholds)
        shown = [
            f"{metric_title(name)} {value:.4f}"
            for name in first.task.curves
            if (value := metrics[name]) is not None
        ]
        print(f"Against the labels of the test rows: {', '.join(shown)}")
