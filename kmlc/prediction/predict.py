"""Predicts the test rows of a data folder, or one picture, with one finished run or the mean of several."""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kmlc.data.batches import evaluation_batches
from kmlc.data.folder import read_test, read_test_labels
from kmlc.data.images import find_problems
from kmlc.data.records import Records, unknown_labels
from kmlc.data.views import VIEWS
from kmlc.errors import UserError
from kmlc.files import check_writable, write_text
from kmlc.prediction.ensemble import Ensemble
from kmlc.prediction.progress import PredictionProgress
from kmlc.training.restore import TrainedRun


def predict_table(
    ensemble: Ensemble,
    data: str | None,
    out: Path,
    proba: Path | None = None,
    views: str = "one",
    without: Literal["images", "captions"] | None = None,
) -> None:
    """Predict every row of the test table, once and in order, and write a submission.

    Args:
        ensemble: one finished run, or several whose logits are averaged.
        data: the data folder; None is the one that the first run was trained on.
        out: the submission, with the columns of `Task.submission`.
        proba: where to write the probabilities, a column for each class; None writes none.
        views: a name in `VIEWS`: the views of an image whose logits are averaged.
        without: predict as if the rows had no images, or no captions.

    Raises:
        UserError: if the table is not there or lacks a column, or feature vectors have another width.
    """
    first, config = ensemble.runs[0], ensemble.config
    if data is not None:
        config = dataclasses.replace(config, data=data)
    for path in (out, proba):
        if path is not None:
            check_writable(path)
    records, report = read_test(config)
    print(report.summary(), flush=True)
    _check_features(ensemble, records, report.file)
    if without == "images":
        records = dataclasses.replace(records, images=[""] * len(records))
    if without == "captions":
        records = dataclasses.replace(records, captions=[""] * len(records))
    logits = ensemble.logits([predict_logits(run, records, views) for run in ensemble.runs])
    table = first.task.submission(records.ids, logits, ensemble.thresholds)
    _write_csv(out, table)
    print(f"{out}: {len(table):,} rows")
    if proba is not None:
        columns = first.task.probabilities(logits)
        columns.insert(0, config.table.image_column, records.ids)
        _write_csv(proba, columns)
        print(f"{proba}: probabilities of {logits.shape[1]} classes")
    # A file of feature vectors has no test part: its rows say nothing of a run that was trained on them.
    trained_on = config.tower.input == "features" and config.data == first.config.data
    labels = None if trained_on else read_test_labels(config, first.vocabulary, records)
    if labels is not None:
        metrics = first.task.metrics(labels, logits, ensemble.thresholds)
        shown = [
            f"{name.replace('_', ' ')} {value:.4f}"
            for name in first.task.curves
            if (value := metrics[name]) is not None
        ]
        print(f"Against the labels of the test rows: {', '.join(shown)}")


def predict_one(ensemble: Ensemble, image: Path | None, caption: str, views: str = "one") -> None:
    """Print the classes of one picture, most probable first, and what is predicted.

    Raises:
        UserError: if the image cannot be read, or the run takes feature vectors.
    """
    first, config = ensemble.runs[0], ensemble.config
    path = ""
    if config.tower.input == "image" and image is not None:
        (problem,) = find_problems([str(image)], config.images.max_pixels)
        if problem is not None:
            raise UserError(f"{image}: {problem}; expected a JPEG, PNG, WebP, BMP or GIF image")
        path = str(image)
    record = Records([str(image)], [path], [caption], unknown_labels(1))
    _check_features(ensemble, record, "--image and --caption")
    logits = ensemble.logits([predict_logits(run, record, views) for run in ensemble.runs])
    print("\n".join(first.task.explain(logits, ensemble.thresholds)))


def predict_logits(trained: TrainedRun, records: Records, views: str = "one") -> np.ndarray:
    """Return the logits, float32 (rows, classes), of every record in order: their mean over the views."""
    boxes = VIEWS[views if trained.config.tower.input == "image" else "one"]
    steps = -(-len(records) // trained.config.train.batch_size)
    progress = PredictionProgress(steps * len(boxes), trained.config.train.batch_size)
    logits = [
        trained.model.predict(
            evaluation_batches(records, trained.config, trained.encode, view), verbose=0, callbacks=[progress]
        )
        for view in boxes
    ]
    return np.mean(logits, axis=0)


def _check_features(ensemble: Ensemble, records: Records, source: str) -> None:
    """Refuse rows that are not feature vectors of the width that a run was trained on."""
    got = "none" if records.features is None else records.features.shape[1]
    for run in ensemble.runs:
        if run.config.tower.input != "features":
            continue
        width = run.model.get_layer("features").batch_shape[1]
        if got != width:
            raise UserError(f"{source}: expected vectors of {width} features, as the run takes; got {got}")


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
