"""The records of a study's trials, one for each seed, and the results that are read from them."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kmlc.config import Config
from kmlc.csv_file import write_csv
from kmlc.errors import UserError
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
        metrics: of a finished one, as `run_metrics` returns them; None where undefined.
    """

    run: RunDirectory
    number: int
    values: Values
    seed: int
    error: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether it failed, or finished and its run directory is still there."""
        return bool(self.error or (self.metrics and self.run.finished))

    def save(self, study: Study) -> None:
        """Write <run>.json beside the run directory, so that `started_runs` finds it."""
        self.run.path.parent.mkdir(exist_ok=True)
        record = {name: value for name, value in vars(self).items() if name != "run"}
        study.write(beside(self.run, ".json"), record)


def beside(run: RunDirectory, suffix: str) -> Path:
    """Return a file of a trial beside its run directory, which must be empty before the run begins."""
    return run.path.with_name(run.path.name + suffix)


def started_runs(study: Study) -> list[TrialRun]:
    """Return every trial and seed that was started, by number, then by seed.

    Raises:
        UserError: for a record that is damaged or another study's.
    """
    runs = []
    for path in study.records():
        record = study.read(path)
        run = RunDirectory(study.trial(record["number"], record["seed"]))
        if beside(run, ".json") != path:
            raise UserError(f"{path}: the record of {run.path.name}; delete it, and its trial is trained")
        runs.append(TrialRun(run, **record))
    return sorted(runs, key=lambda trial: (trial.number, trial.seed))


def ended_trials(study: Study, config: StudyConfig) -> dict[int, Values]:
    """Return the values of the trials that are not trained again, by number.

    They have finished with every seed, or failed in a search that does not try them again.
    """
    ended = [trial for trial in started_runs(study) if trial.ended]
    seeds = Counter(trial.number for trial in ended)
    failed = {trial.number for trial in ended if trial.error}
    return {
        trial.number: trial.values
        for trial in ended
        if (config.search not in RETRYING if trial.number in failed else seeds[trial.number] == config.seeds)
    }


def results(study: Study, config: StudyConfig) -> pd.DataFrame:
    """Return a row for each finished or failed trial and seed: settings, minutes, losses, metrics.

    Hyperband's trials also differ in their epochs, which then have a column.
    """
    rows: list[dict[str, Any]] = []
    for trial in started_runs(study):
        if trial.ended:
            row = {"trial": trial.number, **trial.values, "seed": trial.seed}
            row |= {name: math.nan if value is None else value for name, value in trial.metrics.items()}
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


def best_config(study: Study, config: StudyConfig) -> Config:
    """Return the settings of the best trial, with the best of its seeds.

    Raises:
        UserError: if no trial has a number as objective.
    """
    table = results(study, config)
    best = ranking(table, config)
    if best.empty:
        errors = "; ".join(dict.fromkeys(filter(None, table["error"])))
        raise UserError(f"{study.path}: every trial failed: {errors}")
    if best.isna().all():
        raise UserError(f"{study.path}: no trial ended with a number as its {config.grid.objective}")
    trials = [trial for trial in started_runs(study) if trial.number == best.index[0]]
    sign = 1 if config.grid.direction == "min" else -1
    chosen = min(trials, key=lambda trial: sign * (trial.metrics[config.grid.objective] or 0.0))
    return replace(config.config(chosen.values), seed=chosen.seed)
