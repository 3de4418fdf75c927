"""What the trials of a study have come to, read from their run directories."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kmlc.errors import UserError
from kmlc.files import read_json, write_json, write_text
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.grid import Values
from kmlc.tuning.study import Study, StudyConfig


@dataclass(frozen=True)
class TrialRun:
    """A trial that was begun with one of its seeds.

    Attributes:
        run: its run directory.
        number: the trial's, from 1.
        values: the values of the settings that vary.
        seed: the seed.
        error: what it failed with, in one line; empty if it did not.
    """

    run: RunDirectory
    number: int
    values: Values
    seed: int
    error: str = ""

    def save(self) -> None:
        """Write <run>.json beside the run directory, so that `begun_runs` finds it."""
        trial = {"number": self.number, "values": dict(self.values), "seed": self.seed, "error": self.error}
        self.run.path.parent.mkdir(exist_ok=True)
        write_json(beside(self.run, ".json"), trial)

    def metrics(self) -> dict[str, float]:
        """Return minutes, losses and validation metrics of a finished run; what is not defined is NaN.

        The losses are those of the epoch that counts. The minutes are those of all epochs, with those that a
        shorter trial trained; NaN if a kill has left an epoch's out.
        """
        metrics, history = read_json(self.run.metrics), pd.read_csv(self.run.history)
        counted, seconds = history.iloc[metrics["best_epoch"] - 1], read_seconds(self.run)
        metrics = {
            "minutes": sum(seconds.get(str(epoch), math.nan) for epoch in history["epoch"]) / 60,
            "train_loss": counted["loss"],
            "val_loss": counted["val_loss"],
            **metrics["validation"],
            **{f"test_{name}": value for name, value in metrics.get("test", {}).items()},
        }
        return {name: math.nan if value is None else float(value) for name, value in metrics.items()}


def beside(run: RunDirectory, suffix: str) -> Path:
    """Return a file of a trial that stands beside its run directory, which is empty before it begins."""
    return run.path.with_name(run.path.name + suffix)


def begun_runs(study: Study) -> list[TrialRun]:
    """Return every trial and seed that was begun, in the order of their numbers, then of their seeds."""
    # Names that begin with a dot are files that are being written.
    trials = [
        TrialRun(RunDirectory(path.with_suffix("")), **read_json(path))
        for path in study.trials.glob("[0-9]*-seed*[0-9].json")
    ]
    return sorted(trials, key=lambda trial: (trial.number, trial.seed))


def read_seconds(run: RunDirectory) -> dict[str, float]:
    """Return how long each finished epoch of a trial took, by its number from 1."""
    path = beside(run, ".seconds.json")
    return read_json(path) if path.is_file() else {}


def write_seconds(run: RunDirectory, seconds: dict[str, float]) -> None:
    """Write what `read_seconds` reads."""
    write_json(beside(run, ".seconds.json"), seconds)


def results(study: Study, config: StudyConfig) -> pd.DataFrame:
    """Return a row for each finished or failed trial and seed: settings, minutes, losses, metrics.

    A search whose trials differ in settings beyond those that vary, as Hyperband's in epochs, has a column
    for each of them.
    """
    rows: list[dict[str, Any]] = []
    for trial in begun_runs(study):
        if trial.run.finished or trial.error:
            row = {"trial": trial.number, **trial.values, "seed": trial.seed}
            row |= trial.metrics() if trial.run.finished else {}
            rows.append(row | {"run": str(trial.run.path.relative_to(study.path)), "error": trial.error})
    table = pd.DataFrame(
        rows, columns=None if rows else ["trial", *config.grid.axes(), "seed", "run", "error"]
    )
    last = ["run", "error"]
    return table[[name for name in table.columns if name not in last] + last]


def write_results(study: Study, config: StudyConfig) -> pd.DataFrame:
    """Write results.csv anew, and return it.

    It follows from the run directories alone, so any process may write it at any time.
    """
    table = results(study, config)
    save_results(study, table)
    return table


def save_results(study: Study, table: pd.DataFrame) -> None:
    """Write what `results` has returned to results.csv."""
    write_text(study.results, table.to_csv(index=False, lineterminator="\n"))


def ranking(table: pd.DataFrame, config: StudyConfig) -> pd.Series:
    """Return the mean of the objective over the seeds by trial, the best first.

    Only trials that are finished with every seed are in it. One whose objective is NaN with any seed has NaN,
    and stands last.
    """
    finished = table[table["error"] == ""]
    if finished.empty:
        return pd.Series(dtype=float)
    trials = finished.groupby("trial")[config.grid.objective]
    means = trials.mean(skipna=False)[trials.size() == config.seeds]
    return means.sort_values(ascending=config.grid.direction == "min", kind="stable")


def best_run(study: Study, config: StudyConfig) -> RunDirectory:
    """Return the best seed's run of the best trial.

    Raises:
        UserError: if no trial came to an end with a number.
    """
    table = results(study, config)
    best = ranking(table, config)
    if best.empty:
        errors = "; ".join(dict.fromkeys(filter(None, table["error"])))
        raise UserError(f"{study.path}: every trial failed: {errors}")
    if best.isna().all():
        raise UserError(f"{study.path}: no trial came to an end with a number as its {config.grid.objective}")
    rows = table[table["trial"] == best.index[0]]
    metrics = rows[config.grid.objective]
    place = metrics.idxmin() if config.grid.direction == "min" else metrics.idxmax()
    return RunDirectory(study.path / rows["run"][place])
