"""Writes the submission: the predicted labels of every row of a test table, as CSV.

Its columns are those of `submission` in the run's task, `kmlc/tasks/<task>/task.py`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from kmlc.config import Config
from kmlc.data.known_labels import KnownLabels
from kmlc.errors import UserError
from kmlc.files import same_file, write_csv
from kmlc.markdown import metric_title
from kmlc.prediction.predictor import Predictor
from kmlc.tasks.rows import read_test, read_test_labels
from kmlc.tasks.task import Task, Thresholds
from kmlc.training.outputs import check_output


def predict_table(
    predictor: Predictor,
    data: str | None,
    out: Path,
    proba: Path | None = None,
    without: Literal["images", "captions"] | None = None,
    anywhere: bool | None = None,
) -> None:
    """Predict every row of the test table, once and in order, and write a submission.

    Args:
        predictor: one finished run or several.
        data: the data folder; None is the one that the first run was trained on.
        out: the submission, with the columns of `Task.submission`.
        proba: where to write the probabilities, a column for each class; None writes none.
        without: predict as if the rows had no images, or no captions, which are then not read.
        anywhere: `images.anywhere`; None is as the run was trained.

    Raises:
        UserError: if a table is missing or lacks a column, feature vectors have another length, or `out` or
            `proba` cannot be written, are one file, or are an image or a file of the data or of a run.

    Example:
        predict_table(load_predictor([Path("runs/mine")]), "my_folder", Path("submission.csv"))
    """
    first, config = predictor.runs[0], predictor.config
    if data is not None:
        config = dataclasses.replace(config, data=data)
    if anywhere is not None:
        config = dataclasses.replace(config, images=dataclasses.replace(config.images, anywhere=anywhere))
    outputs = [out] if proba is None else [out, proba]
    _check_outputs(outputs, predictor, config)
    records, report = read_test(config, without)
    print(report.summary())
    predictor.check_features(records, report.file)
    # A file of feature vectors has no test split: a metric on rows that a run was trained on says nothing.
    trained_on = config.tower.input == "features" and config.data == first.config.data
    known = None if trained_on else read_test_labels(config, first.task, records)
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


def _check_outputs(paths: Sequence[Path], predictor: Predictor, config: Config) -> None:
    """Check before the work that the results can be written, each into a file that nothing else needs."""
    for path in paths:
        check_output(path, [config, *(run.config for run in predictor.runs)])
    if len(paths) == 2 and same_file(*paths):
        raise UserError(f"--out {paths[0]}, --proba {paths[1]}: expected two files; got one")
