"""What the cases of a study have come to, read from their run directories."""

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
class CaseRun:
    """A case that was begun with one of its seeds.

    Attributes:
        run: its run directory.
        number: the case's, from 1.
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
        case = {"number": self.number, "values": dict(self.values), "seed": self.seed, "error": self.error}
        self.run.path.parent.mkdir(exist_ok=True)
        write_json(beside(self.run, ".json"), case)

    def figures(self) -> dict[str, float]:
        """Return minutes, losses and validation figures of a finished run; what is not defined is NaN.

        The losses are those of the epoch that counts. The minutes are those of all epochs, with those that a
        shorter case trained; NaN if a kill has left an epoch's out.
        """
        metrics, history = read_json(self.run.metrics), pd.read_csv(self.run.history)
        counted, seconds = history.iloc[metrics["best_epoch"] - 1], read_seconds(self.run)
        figures = {
            "minutes": sum(seconds.get(str(epoch), math.nan) for epoch in history["epoch"]) / 60,
            "train_loss": counted["loss"],
            "val_loss": counted["val_loss"],
            **metrics["validation"],
            **{f"test_{name}": value for name, value in metrics.get("test", {}).items()},
        }
        return {name: math.nan if value is None else float(value) for name, value in figures.items()}


def beside(run: RunDirectory, suffix: str) -> Path:
    """Return a file of a case that stands beside its run directory, which is empty before it begins."""
    return run.path.with_name(run.path.name + suffix)


def begun_runs(study: Study) -> list[CaseRun]:
    """Return every case and seed that was begun, in the order of their numbers, then of their seeds."""
    # Names that begin with a dot are files that are being written.
    cases = [
        CaseRun(RunDirectory(path.with_suffix("")), **read_json(path))
        for path in study.cases.glob("[0-9]*-seed*[0-9].json")
    ]
    return sorted(cases, key=lambda case: (case.number, case.seed))


def read_seconds(run: RunDirectory) -> dict[str, float]:
    """Return how long each finished epoch of a case took, by its number from 1."""
    path = beside(run, ".seconds.json")
    return read_json(path) if path.is_file() else {}


def write_seconds(run: RunDirectory, seconds: dict[str, float]) -> None:
    """Write what `read_seconds` reads."""
    write_json(beside(run, ".seconds.json"), seconds)


def results(study: Study, config: StudyConfig) -> pd.DataFrame:
    """Return a row for each finished or failed case and seed: settings, minutes, losses, figures.

    A search whose cases differ in settings beyond those that vary, as Hyperband's in epochs, has a column for
    each of them.
    """
    rows: list[dict[str, Any]] = []
    for case in begun_runs(study):
        if case.run.finished or case.error:
            row = {"case": case.number, **case.values, "seed": case.seed}
            row |= case.figures() if case.run.finished else {}
            rows.append(row | {"run": str(case.run.path.relative_to(study.path)), "error": case.error})
    table = pd.DataFrame(
        rows, columns=None if rows else ["case", *config.grid.axes(), "seed", "run", "error"]
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
    """Return the mean of the objective over the seeds by case, the best first.

    Only cases that are finished with every seed are in it. One whose objective is NaN with any seed has NaN,
    and stands last.
    """
    finished = table[table["error"] == ""]
    if finished.empty:
        return pd.Series(dtype=float)
    cases = finished.groupby("case")[config.grid.objective]
    means = cases.mean(skipna=False)[cases.size() == config.seeds]
    return means.sort_values(ascending=config.grid.direction == "min", kind="stable")


def best_run(study: Study, config: StudyConfig) -> RunDirectory:
    """Return the best seed's run of the best case.

    Raises:
        UserError: if no case came to an end with a number.
    """
    table = results(study, config)
    best = ranking(table, config)
    if best.empty:
        errors = "; ".join(dict.fromkeys(filter(None, table["error"])))
        raise UserError(f"{study.path}: every case failed: {errors}")
    if best.isna().all():
        raise UserError(f"{study.path}: no case came to an end with a number as its {config.grid.objective}")
    rows = table[table["case"] == best.index[0]]
    figures = rows[config.grid.objective]
    place = figures.idxmin() if config.grid.direction == "min" else figures.idxmax()
    return RunDirectory(study.path / rows["run"][place])
