"""Writes the submission: the predicted labels of every row of a test table, as CSV.

Its columns are those of `submission` in the run's task, `kmlc/tasks/<task>/task.py`.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from kmlc.config import Config
from kmlc.csv_file import write_csv
from kmlc.data.known_labels import KnownLabels
from kmlc.data.records import Records
from kmlc.errors import UserError
from kmlc.files import same_file
from kmlc.markdown import counted, metric_title
from kmlc.prediction.predictor import Predictor
from kmlc.settings import checked
from kmlc.tasks.rows import read_test, read_test_labels
from kmlc.tasks.task import Task, Thresholds
from kmlc.training.outputs import check_output
from kmlc.training.run_directory import RunDirectory


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
        UserError: if a table is missing or lacks a column, feature vectors have another length, no run reads
            what it should be `without`, or `out` or `proba` cannot be written, are one file, or would replace
            what is needed (`kmlc.training.outputs`).

    Example:
        predict_table(load_predictor([Path("runs/mine")]), "my_folder", Path("submission.csv"))
    """
    first, config = predictor.runs[0], predictor.config
    if data is not None:
        config = dataclasses.replace(config, data=data)
    if anywhere is not None:
        config = dataclasses.replace(config, images=dataclasses.replace(config.images, anywhere=anywhere))
    config = checked(config)
    _check_outputs(out, proba, predictor, config)
    if without is not None and not predictor.reads(without):
        raise UserError(f"--without {without}: expected a run that reads {without}; got {predictor.name}")
    records, report = read_test(config, without)
    print(report.summary())
    predictor.check_features(records, report.file)
    known = _known_labels(predictor, config, records)
    predictor.note_ignored_captions(records)
    print(f"Predicting {counted(len(records), 'row')} with {predictor.name}", flush=True)
    logits = predictor.logits(records)
    table = first.task.submission(records.ids.tolist(), logits, predictor.thresholds)
    write_csv(out, table)
    print(f"{out}: {counted(len(table), 'row')}")
    if proba is not None:
        columns = first.task.probabilities(logits)
        columns.insert(0, config.table.image_column, records.ids.tolist())
        write_csv(proba, columns)
        print(f"{proba}: probabilities of {counted(logits.shape[1], 'class', 'classes')}")
    if known is not None:
        _print_score(first.task, known, logits, predictor.thresholds)


def _known_labels(predictor: Predictor, config: Config, records: Records) -> KnownLabels | None:
    """Return the labels of the test rows; None if there are none, or, after a line, they are unreadable."""
    first = predictor.runs[0]
    if config.tower.input == "features" and config.data == first.config.data:
        return None  # it has no test split: a metric on rows that a run was trained on says nothing
    try:
        return read_test_labels(config, first.task, records)
    except UserError as error:
        print(f"No score: {error}")
        return None


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
    rows = "the test rows" if scored == every else f"{scored:,} of {counted(every, 'test row')}"
    print(f"Against the labels of {rows}: {', '.join(shown)}")


def _check_outputs(out: Path, proba: Path | None, predictor: Predictor, config: Config) -> None:
    """Check before the work that the results can be written, each into a file that nothing else needs."""
    configs = [config, *(run.config for run in predictor.runs)]
    check_output(out, configs, runs=predictor.paths)
    if proba is None:
        return
    check_output(proba, configs, runs=predictor.paths)
    if same_file(out, proba):
        raise UserError(f"--out {out}, --proba {proba}: expected two files; got one")
    if any(same_file(proba, RunDirectory(run).submission) for run in predictor.paths):
        raise UserError(f"--proba {proba}: expected a file for the probabilities; got the run's submission")
