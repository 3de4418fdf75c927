"""Finished runs as an object that predicts: one run, or several whose logits are averaged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kmlc.config import Config
from kmlc.data.batches import evaluation_batches
from kmlc.data.records import Records
from kmlc.data.tta import VIEWS
from kmlc.errors import UserError
from kmlc.prediction.inputs import Captions, Images, records_of
from kmlc.tasks.task import Task, Thresholds
from kmlc.training.predict_batches import PredictionProgress, predict_batches
from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory, existing_run, newest_run
from kmlc.training.run_files import load_split, load_validation


@dataclass(frozen=True)
class Predictor:
    """One finished run, or several with the same labels.

    Attributes:
        paths: the run directories.
        runs: the restored runs; settings, labels and task are those of the first.
        thresholds: fitted to the mean of the runs' logits.
        tta: test-time augmentation, a name in `VIEWS`: the views of an image whose logits are averaged.
    """

    paths: Sequence[Path]
    runs: Sequence[TrainedRun]
    thresholds: Thresholds
    tta: str = "none"

    @property
    def name(self) -> str:
        """The run directories, for messages."""
        return ", ".join(map(str, self.paths))

    @property
    def task(self) -> Task:
        """What the logits mean."""
        return self.runs[0].task

    @property
    def config(self) -> Config:
        """The settings to read rows with: the first run's, with images if any of the runs takes images."""
        configs = [run.config for run in self.runs]
        tower = next((config.tower for config in configs if config.tower.input == "image"), configs[0].tower)
        return replace(configs[0], tower=tower)

    def reads(self, what: Literal["images", "captions"]) -> bool:
        """Return whether any of the runs reads images, or captions."""
        configs = [run.config for run in self.runs]
        if what == "images":
            return any(config.tower.input == "image" for config in configs)
        return any(config.captions.encoder != "none" for config in configs)

    def note_ignored_captions(self, records: Records) -> None:
        """Print a line if the rows have captions and none of the runs reads captions."""
        if (records.captions != "").any() and not self.reads("captions"):
            print(f"Captions are ignored: {self.name} was trained without captions")

    def predict(self, images: Images = None, captions: Captions = None) -> pd.DataFrame:
        """Predict images with captions, or either alone.

        For the same rows in the same order the labels and probabilities are those of `predict.py`, bit for
        bit. In other batches, as for some of the rows, probabilities may differ by about 1e-7. There are two
        more differences. An image that cannot be read is an error here; `predict.py` replaces it by a
        placeholder image. A Pillow image that was opened from a JPEG file in CMYK or with flaws may differ
        from the file by some levels of a pixel, because other libraries decode it; give the path or the bytes
        instead.

        Args:
            images: paths, bytes of image files (JPEG, PNG, WebP, BMP, GIF) or Pillow images, None for a row
                without one; None for no images at all. For a run of feature vectors: an array of shape
                (rows, features). A single image or vector is one row.
            captions: strings, None for a row without one; None for no captions at all. A single string is
                one row. A run that was trained without captions ignores them.

        Returns:
            A row for each input, in order: the columns of predicted labels of a submission, then the
            probability of each class.

        Raises:
            UserError: if there are no rows, the lengths differ, or an image cannot be read.

        Example:
            predictor = kmlc.load("runs/mine")
            table = predictor.predict(["bus.jpg", None], ["A red bus.", "A man rides a bike."])
            table["Labels"]
        """
        records = records_of(images, captions, self.config)
        self.check_features(records, "images")
        logits = self.logits(records)
        labels = self.task.submission(records.ids.tolist(), logits, self.thresholds)
        labels = labels.drop(columns=self.config.table.image_column)
        return pd.concat([labels, self.task.probabilities(logits)], axis=1)

    def logits(self, records: Records) -> np.ndarray:
        """Return the mean of the runs' logits, float32 (rows, classes), of every record in order."""
        return np.mean([predict_logits(run, records, self.tta) for run in self.runs], axis=0)

    def check_features(self, records: Records, source: str) -> None:
        """Raise if a run takes feature vectors, and the records have none or of another length.

        Args:
            records: the rows.
            source: where they are from, for the message.

        Raises:
            UserError: with the expected length and the actual one.
        """
        got = "none" if records.features is None else records.features.width
        for run in self.runs:
            if run.config.tower.input != "features":
                continue
            width = run.model.get_layer("features").batch_shape[1]
            if got != width:
                raise UserError(
                    f"{source}: expected vectors of {width} features, as the run takes; got {got}"
                )


def load_predictor(paths: Sequence[Path] = (), tta: str = "none") -> Predictor:
    """Restore finished runs that predict together.

    The thresholds of several runs are fitted to the mean of their validation logits, if all have the same
    validation rows. Otherwise their thresholds are averaged: a row that one run was validated on, another was
    trained on.

    Args:
        paths: run directories; none is the newest finished run in runs/.
        tta: test-time augmentation, a name in `VIEWS`.

    Raises:
        UserError: if there is no such run or view, a run is not finished, or the runs have different labels.

    Example:
        predictor = load_predictor([Path("runs/2026-01-31-hybrid"), Path("runs/2026-01-31-hybrid-2")])
    """
    if tta not in VIEWS:
        raise UserError(f"tta: expected one of {', '.join(VIEWS)}; got {tta}")
    directories = [existing_run(path) for path in paths] or [newest_run(finished=True)]
    runs = [restore(run) for run in directories]
    for directory, run in zip(directories, runs, strict=True):
        if run.task.vocabulary.labels != runs[0].task.vocabulary.labels:
            first = directories[0].path
            raise UserError(f"{directory.path}: its labels are not those of {first}; expected the same")
    return Predictor([each.path for each in directories], runs, _thresholds(directories, runs), tta)


def _thresholds(directories: Sequence[RunDirectory], runs: Sequence[TrainedRun]) -> Thresholds:
    first = runs[0]
    if len(runs) == 1:
        return first.thresholds
    splits = [load_split(directory)["validation"] for directory in directories]
    if any(split != splits[0] for split in splits):
        return {name: float(np.mean([run.thresholds[name] for run in runs])) for name in first.thresholds}
    labels, logits = zip(*(load_validation(each, first.task) for each in directories), strict=True)
    return first.task.fit(labels[0], np.mean(logits, axis=0))


def predict_logits(run: TrainedRun, records: Records, tta: str = "none") -> np.ndarray:
    """Return the logits, float32 (rows, classes), of every record in order: their mean over the views."""
    image_views = VIEWS[tta if run.config.tower.input == "image" else "none"]
    batch_size = run.config.train.batch_size
    steps = -(-len(records) // batch_size)
    progress = PredictionProgress(steps * len(image_views), batch_size)
    values = run.parts.computed
    logits = [
        predict_batches(
            run.parts.rest, evaluation_batches(records, run.config, run.encode, view, values), progress
        )
        for view in image_views
    ]
    return np.mean(logits, axis=0)
