"""Predicts the test rows of a data folder, or one picture, with a finished run."""

import dataclasses
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from kmlc.data.batches import evaluation_batches
from kmlc.data.folder import read_test, read_test_labels
from kmlc.data.images import find_problems
from kmlc.data.records import Records, unknown_labels
from kmlc.errors import UserError
from kmlc.files import write_text
from kmlc.objectives.metrics import evaluate, probabilities
from kmlc.progress import ProgressLine, duration
from kmlc.training.restore import TrainedRun


def predict_table(trained: TrainedRun, data: str | None, out: Path, proba: Path | None = None) -> None:
    """Predict every row of the test table, once and in order, and write a submission.

    Args:
        trained: a finished run.
        data: the data folder; None is the one that the run was trained on.
        out: the submission, columns image and labels, labels in the vocabulary's order.
        proba: where to write the probabilities, a column for each label; None writes none.

    Raises:
        UserError: if the table is not there or lacks a column.
    """
    config = trained.config if data is None else dataclasses.replace(trained.config, data=data)
    trained = dataclasses.replace(trained, config=config)
    for path in (out, proba):
        if path is not None:
            _check_writable(path)
    records, report = read_test(config)
    print(report.summary(), flush=True)
    scores = predict_probabilities(trained, records)
    decided = trained.decide(scores)
    table = config.table
    labels = [trained.vocabulary.decode(row) for row in decided]
    _write_csv(out, pd.DataFrame({table.image_column: records.ids, table.label_column: labels}))
    print(f"{out}: {len(labels):,} rows, {decided.sum(axis=1).mean():.2f} labels a row")
    if proba is not None:
        columns = pd.DataFrame(scores.astype(float), columns=list(trained.vocabulary.labels))
        columns.insert(0, table.image_column, records.ids)
        _write_csv(proba, columns)
        print(f"{proba}: probabilities of {len(trained.vocabulary)} labels")
    true = read_test_labels(config, trained.vocabulary, records.ids)
    if true is not None:
        figures = evaluate(trained.vocabulary.encode(true), scores, decided)
        shown = ", ".join(
            f"{name.replace('_', ' ')} {figures[name]:.4f}" for name in ("micro_f1", "macro_f1", "samples_f1")
        )
        print(f"Against the labels of the test rows: {shown}")


def predict_one(trained: TrainedRun, image: Path | None, caption: str) -> None:
    """Print the labels of one picture, by probability, the decided ones marked.

    Raises:
        UserError: if the image cannot be read, or the run needs one and none is given.
    """
    path = ""
    if trained.config.tower.name != "none" and image is not None:
        (problem,) = find_problems([image], trained.config.images.max_pixels)
        if problem is not None:
            raise UserError(f"{image}: {problem}; expected a JPEG, PNG, WebP, BMP or GIF image")
        path = str(image)
    scores = predict_probabilities(trained, Records([str(image)], [path], [caption], unknown_labels(1)))
    (decided,) = trained.decide(scores)
    names = trained.vocabulary.display()
    width = max(map(len, names))
    for place in np.argsort(-scores[0]):
        print(f"{names[place]:<{width}}  {scores[0, place]:.3f}{'  *' if decided[place] else ''}")
    print(f"* above its threshold: {trained.vocabulary.decode(decided) or 'none'}")


def predict_probabilities(trained: TrainedRun, records: Records) -> np.ndarray:
    """Return the probabilities, float32 (rows, classes), of every record in order."""
    batches = evaluation_batches(records, trained.config, trained.encode)
    steps = -(-len(records) // trained.config.train.batch_size)
    logits = trained.model.predict(batches, verbose=0, callbacks=[_Progress(steps)])
    return probabilities(logits)


class _Progress(keras.callbacks.Callback):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.line, self.began = steps, ProgressLine(), time.monotonic()

    def on_predict_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.line.due():
            left = (time.monotonic() - self.began) / (batch + 1) * (self.steps - batch - 1)
            self.line.show(f"predicting: step {batch + 1}/{self.steps}, {duration(left)} left")

    def on_predict_end(self, logs: dict[str, float] | None = None) -> None:
        self.line.clear()


def _check_writable(path: Path) -> None:
    """Find out before the work, not after it, that the result has no place to go."""
    if path.is_dir():
        raise UserError(f"{path}: expected a file to write, it is a folder")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder to write {path.name} in")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"{path}: could not be written: {error.strerror}") from None


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
