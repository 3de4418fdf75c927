"""Several finished runs as one: their logits averaged, their thresholds fitted to the average."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.tasks.task import Thresholds
from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory, existing_run


@dataclass(frozen=True)
class Ensemble:
    """One finished run or several with the same labels.

    Attributes:
        runs: the runs; settings, labels and task are those of the first.
        thresholds: fitted to the average of their logits.
    """

    runs: Sequence[TrainedRun]
    thresholds: Thresholds

    @property
    def config(self) -> Config:
        """The settings to read rows with: the first run's, with images if any of the runs takes images."""
        configs = [run.config for run in self.runs]
        tower = next((config.tower for config in configs if config.tower.input == "image"), configs[0].tower)
        return replace(configs[0], tower=tower)

    def logits(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """Return the mean of the runs' logits, float32 (rows, classes)."""
        return np.mean(logits, axis=0)


def load_ensemble(paths: Sequence[Path]) -> Ensemble:
    """Restore finished runs that shall predict together.

    Runs with the same validation rows have their thresholds fitted anew, to the average of their logits on
    these rows. The thresholds of others are averaged: each run was trained on rows that another validates on.

    Raises:
        UserError: if a run is none, is not finished, or has other labels than the first.

    Example:
        ensemble = load_ensemble([Path("runs/2026-01-31-hybrid"), Path("runs/2026-01-31-hybrid-2")])
    """
    runs = [existing_run(path) for path in paths]
    trained = [restore(run) for run in runs]
    first = trained[0]
    for run, other in zip(runs[1:], trained[1:], strict=True):
        if other.vocabulary.labels != first.vocabulary.labels:
            raise UserError(f"{run.path}: its labels are not those of {runs[0].path}; expected the same")
    if len(runs) == 1:
        return Ensemble(trained, first.thresholds)
    if _same_validation_rows(runs):
        saved = [np.load(run.logits, allow_pickle=False) for run in runs]
        mean = np.mean([arrays["validation_logits"] for arrays in saved], axis=0)
        return Ensemble(trained, first.task.fit(saved[0]["validation_labels"], mean))
    names = first.thresholds
    return Ensemble(
        trained, {name: float(np.mean([run.thresholds[name] for run in trained])) for name in names}
    )


def _same_validation_rows(runs: Sequence[RunDirectory]) -> bool:
    splits = [read_json(run.split)["validation"] for run in runs]
    return all(split == splits[0] for split in splits[1:])
