"""The trials of a study's report: ours and the published ones, joined by their settings."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kmlc.setting_values import canonical
from kmlc.tuning.grid import Grid


@dataclass(frozen=True)
class ReportedTrial:
    """One trial: its settings, its published metrics and ours.

    Attributes:
        values: the values of the settings that vary, by dotted key.
        published: the published metrics by name; empty if the trial was not published.
        ours: its finished rows of results.csv, one for each seed; empty if it has not run, or failed.
    """

    values: Mapping[str, Any]
    published: Mapping[str, float]
    ours: pd.DataFrame

    def mean(self, metric: str) -> float | None:
        """Return the mean of our metric over the seeds; None if there is none, or one of them is NaN."""
        found = self._found(metric)
        return None if found.empty else float(found.mean())

    def spread(self, metric: str) -> float | None:
        """Return the sample standard deviation of our metric over the seeds; None below two seeds."""
        found = self._found(metric)
        return None if len(found) < 2 else float(found.std(ddof=1))

    def _found(self, metric: str) -> pd.Series:
        if metric not in self.ours:
            return pd.Series(dtype=float)
        found = self.ours[metric].astype(float)
        return found.iloc[:0] if found.isna().any() else found


def join_trials(grid: Grid, results: pd.DataFrame) -> list[ReportedTrial]:
    """Return every trial that is published or ours, best first.

    Published trials come first, ordered by their published objective, then the other trials, ordered by our
    objective; trials without either are last.

    Args:
        grid: the grid of the study, with the published rows.
        results: results.csv, a row for each finished or failed trial and seed.

    Example:
        join_trials(read_grid("report2"), pd.read_csv("results.csv"))[0].published["micro_f1"]  # 0.91891
    """
    # Trials of Hyperband differ in their epochs too, even if the grid does not vary them.
    keys = [*grid.axes(), *(name for name in map(str, results) if "." in name and name not in grid.vary)]
    published_rows = {_identity(row, keys): row for row in grid.published}
    identities = [_identity(row, keys) for row in results.to_dict("records")]
    done = finished(results)
    trials = []
    for identity in dict.fromkeys([*published_rows, *identities]):
        row = published_rows.get(identity, {})
        rows = [each == identity for each in identities]
        values = dict(zip(keys, map(json.loads, identity), strict=True))
        metrics = {name: float(row[name]) for name in table_metrics(grid) if row.get(name) is not None}
        trials.append(
            ReportedTrial(values, metrics, results[pd.Series(rows, index=results.index, dtype=bool) & done])
        )
    sign = 1 if grid.direction == "min" else -1

    def order(trial: ReportedTrial) -> tuple[float, float]:
        published, ours = trial.published.get(grid.objective), trial.mean(grid.objective)
        return (
            math.inf if published is None else sign * published,
            math.inf if ours is None else sign * ours,
        )

    return sorted(trials, key=order)


def table_metrics(grid: Grid) -> list[str]:
    """Return the metrics in a study's table: those that the grid names, and the objective."""
    return list(dict.fromkeys([*grid.metrics, grid.objective]))


def finished(results: pd.DataFrame) -> pd.Series:
    """Return which rows of results.csv have no error, bool of shape (rows,)."""
    if "error" not in results:
        return pd.Series(True, index=results.index, dtype=bool)
    return results["error"].fillna("").astype(str).str.strip() == ""


def ranks(trials: Sequence[ReportedTrial], grid: Grid) -> list[int | None]:
    """Return each trial's rank by our objective, 1 is best, ties share a rank; None without an objective."""
    ours = [trial.mean(grid.objective) for trial in trials]
    found = [value for value in ours if value is not None]
    better = (lambda a, b: a < b) if grid.direction == "min" else (lambda a, b: a > b)
    return [None if value is None else 1 + sum(better(other, value) for other in found) for value in ours]


def _identity(row: Mapping[Any, Any], keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(canonical(row.get(key)) for key in keys)
