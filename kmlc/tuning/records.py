"""The results of the trials of a study, read from their run directories."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kmlc.errors import UserError
from kmlc.files import read_json, write_csv, write_json
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.grid import Values
from kmlc.tuning.study import RETRYING, Study, StudyConfig


@dataclass(frozen=True)
class TrialRun:
    """A trial with one of its seeds.

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
        """Write <run>.json beside the run directory, so that `started_runs` finds it."""
        trial = {"number": self.number, "values": dict(self.values), "seed": self.seed, "error": self.error}
        self.run.path.parent.mkdir(exist_ok=True)
        write_json(beside(self.run, ".json"), trial)


def run_metrics(run: RunDirectory) -> dict[str, float]:
    """Return minutes, losses and metrics of a finished run; an undefined metric is NaN.

    The losses are those of the best epoch. The minutes are those of all epochs, also of those that a shorter
    trial trained.
    """
    metrics, history = read_json(verified(run.metrics)), pd.read_csv(verified(run.history))
    best = history.iloc[metrics["best_epoch"] - 1]
    found = {
        "minutes": history["seconds"].sum() / 60,
        "train_loss": best["loss"],
        "val_loss": best["val_loss"],
        **metrics["validation"],
        **{f"test_{name}": value for name, value in metrics.get("test", {}).items()},
    }
    return {name: math.nan if value is None else float(value) for name, value in found.items()}


def beside(run: RunDirectory, suffix: str) -> Path:
    """Return a file of a trial beside its run directory, which must be empty before the run begins."""
    return run.path.with_name(run.path.name + suffix)


def started_runs(study: Study) -> list[TrialRun]:
    """Return every trial and seed that was started, by number, then by seed."""
    trials = [TrialRun(RunDirectory(path.with_suffix("")), **read_json(path)) for path in study.records()]
    return sorted(trials, key=lambda trial: (trial.number, trial.seed))


def forget_failed(study: Study, config: StudyConfig) -> None:
    """Forget the trials that failed, with all their seeds; the search trains them as new ones.

    Not in Bayesian search and Hyperband, which choose later trials by earlier ones, also by failed ones.
    """
    trials = started_runs(study)
    failed = {trial.number for trial in trials if trial.error}
    if not failed or config.search not in RETRYING:
        return
    study.best.unlink(missing_ok=True)
    # Without a state these searches choose the same trials again; finished ones are not trained twice. The
    # state goes first: a stop in between loses no trial.
    study.oracle.unlink(missing_ok=True)
    for trial in trials:
        if trial.number in failed:
            shutil.rmtree(trial.run.path, ignore_errors=True)
            beside(trial.run, ".json").unlink()


def results(study: Study, config: StudyConfig) -> pd.DataFrame:
    """Return a row for each finished or failed trial and seed: settings, minutes, losses, metrics.

    Hyperband's trials also differ in their epochs, which then have a column.
    """
    rows: list[dict[str, Any]] = []
    for trial in started_runs(study):
        if trial.run.finished or trial.error:
            row = {"trial": trial.number, **trial.values, "seed": trial.seed}
            row |= run_metrics(trial.run) if trial.run.finished else {}
            rows.append(row | {"run": str(trial.run.path.relative_to(study.path)), "error": trial.error})
    table = pd.DataFrame(
        rows, columns=None if rows else ["trial", *config.grid.axes(), "seed", "run", "error"]
    )
    last = ["run", "error"]
    return table[[name for name in table.columns if name not in last] + last]


def write_results(study: Study, config: StudyConfig) -> pd.DataFrame:
    """Write `results` to results.csv, and return them."""
    table = results(study, config)
    write_csv(study.results, table)
    return table


def ranking(table: pd.DataFrame, config: StudyConfig) -> pd.Series:
    """Return the mean of the objective over the seeds by trial, the best first.

    Only trials that are finished with every seed are in it. A trial whose objective is NaN with any seed has
    NaN, and comes last.
    """
    finished = table[table["error"] == ""]
    if finished.empty:
        return pd.Series(dtype=float)
    trials = finished.groupby("trial")[config.grid.objective]
    means = trials.mean(skipna=False)[trials.size() == config.seeds]
    return means.sort_values(ascending=config.grid.direction == "min", kind="stable")


def best_run(study: Study, config: StudyConfig) -> TrialRun:
    """Return the best seed's run of the best trial; it is an error if no trial has a number as objective."""
    table = results(study, config)
    best = ranking(table, config)
    if best.empty:
        errors = "; ".join(dict.fromkeys(filter(None, table["error"])))
        raise UserError(f"{study.path}: every trial failed: {errors}")
    if best.isna().all():
        raise UserError(f"{study.path}: no trial ended with a number as its {config.grid.objective}")
    rows = table[table["trial"] == best.index[0]]
    metrics = rows[config.grid.objective]
    place = metrics.idxmin() if config.grid.direction == "min" else metrics.idxmax()
    return next(trial for trial in started_runs(study) if trial.run.path == study.path / rows["run"][place])
