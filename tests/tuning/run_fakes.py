"""Runs and trainings that are not trained, as far as a study looks at them."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kmlc.config import Config
from kmlc.files import write_json
from kmlc.settings import FORMAT, save_config
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_metrics import run_metrics
from kmlc.tuning.records import TrialRun
from kmlc.tuning.study import Study
from kmlc.yaml_files import write_yaml


def finish(run: RunDirectory, metric: float = 0.5, epochs: int = 1) -> None:
    """Leave what a finished training leaves, as far as a study looks at it."""
    run.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    run.checkpoint.touch()
    run.best_weights.touch()
    rows = "".join(f"{epoch},0.5,0.25,45\n" for epoch in range(1, epochs + 1))
    run.history.write_text(f"epoch,loss,val_loss,seconds\n{rows}")
    metrics = {"micro_map": None if math.isnan(metric) else metric}
    write_json(run.metrics, {"best_epoch": epochs, "validation": metrics})
    run.start()
    run.finish()


def a_study(folder: Path) -> Study:
    """Return a study that has an id and nothing else."""
    folder.mkdir(exist_ok=True)
    write_yaml(folder / "study.yaml", {"format": FORMAT, "id": "fake"})
    return Study(folder)


def trial(
    study: Study, number: int, seed: int = 42, error: str = "", metric: float | None = None
) -> TrialRun:
    """Begin a trial, and with a metric finish it."""
    values = {"train.learning_rate": 0.01, "train.epochs": number}
    started = TrialRun(RunDirectory(study.trial(number, seed)), number, values, seed, error)
    started.run.path.mkdir(exist_ok=True, parents=True)
    if metric is not None:
        finish(started.run, metric)
        started = dataclasses.replace(started, metrics=run_metrics(started.run))
    started.save(study)
    return started


class Trainings:
    """Stands for `train`: notes which run it was called for, and leaves what a finished one leaves."""

    def __init__(self, before: Callable[[Config], None] = lambda config: None) -> None:
        self.before = before
        self.runs: list[str] = []

    def __call__(self, config: Config, **options: Any) -> None:
        run = RunDirectory(Path(str(config.run)))
        self.runs.append(run.path.name)
        self.before(config)
        run.path.mkdir(exist_ok=True)
        save_config(run.config, config)
        metric = config.train.learning_rate if math.isfinite(config.train.learning_rate) else math.nan
        finish(run, metric)
