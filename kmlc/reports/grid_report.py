"""The report of a grid: our table beside the published one, and the pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kmlc.files import write_text
from kmlc.markdown import markdown_table
from kmlc.plotting import save_plot
from kmlc.reports import grid_plots
from kmlc.reports.grid_trials import (
    Trial,
    described,
    finished,
    join_trials,
    metric_title,
    ranks,
    short_names,
    shown,
    table_metrics,
)
from kmlc.tuning.grid import EPOCHS, Grid

# Below this many trials a correlation of ranks says nothing.
_FEWEST_TO_CORRELATE = 4


def write_grid_report(
    folder: Path, grid: Grid, results: pd.DataFrame, notes: Sequence[str] = (), total: int | None = None
) -> None:
    """Write `results.md` and `plots/*.png` of a study, over those that are there; plots from two trials on.

    Args:
        folder: the study's directory.
        grid: what varies, and the published table.
        results: results.csv, a row for each finished or failed trial and seed, as far as the study has come.
        notes: lines on the command, the data, the machine and the date.
        total: how many trials the study has; None where nobody knows.

    Example:
        write_grid_report(Path("runs/my-study"), read_grid("report2"), pd.read_csv("results.csv"))
    """
    trials = join_trials(grid, results)
    sections = [
        f"# {grid.title}",
        "\n".join(_status(grid, trials, total)),
        *(["\n".join(f"- {note}" for note in notes)] if notes else []),
        _table(grid, trials),
        *_agreement(grid, trials),
        *_failures(grid, results),
        *_plots(folder / "plots", grid, trials),
        *([f"Published metrics: {grid.source}."] if grid.source else []),
    ]
    write_text(folder / "results.md", "\n\n".join(sections) + "\n")


def _status(grid: Grid, trials: Sequence[Trial], total: int | None) -> list[str]:
    """Return how far the study is, its best trial, and whether the published best is the same."""
    ran = [trial for trial in trials if len(trial.ours)]
    head = f"{len(ran)}{'' if total is None else f' of {total}'} trials finished."
    ours = [trial for trial in ran if trial.mean(grid.objective) is not None]
    if not ours:
        return [head]
    best = ours[ranks(ours, grid).index(1)]
    name, decimals = metric_title(grid.objective), _decimals(grid, grid.objective)
    lines = [f"{head} Best by {name}: {described(best.values)}, {_ours(best, grid.objective, decimals)}."]
    if grid.objective in trials[0].published:
        theirs = trials[0]
        metric = _number(grid.objective, theirs.published[grid.objective], decimals)
        same = (
            "the same trial"
            if theirs is best
            else f"{described(theirs.values)}, with us {_place(theirs, ours, grid)}"
        )
        lines.append(f"The published best ({metric}) is {same}.")
    return lines


def _place(trial: Trial, ours: Sequence[Trial], grid: Grid) -> str:
    found = [rank for each, rank in zip(ours, ranks(ours, grid), strict=True) if each is trial]
    return f"rank {found[0]} of {len(ours)}" if found else "not finished"


def _table(grid: Grid, trials: Sequence[Trial]) -> str:
    keys, metrics = list(trials[0].values if trials else grid.axes()), table_metrics(grid)
    names = short_names(keys)
    several = max((len(trial.ours) for trial in trials), default=0) > 1
    header = [names[key] for key in keys]
    for metric in metrics:
        title = metric_title(metric)
        header += (
            [f"{title} published", f"{title} ours", "difference"] if _is_published(grid, metric) else [title]
        )
    header += [*(["seeds"] if several else []), "our rank"]
    rows = []
    for trial, rank in zip(trials, ranks(trials, grid), strict=True):
        row = [shown(trial.values[key]) for key in keys]
        for metric in metrics:
            row += _cells(grid, trial, metric)
        if several:
            row.append(str(len(trial.ours)) if len(trial.ours) else "-")
        rows.append([*row, "-" if rank is None else str(rank)])
    return markdown_table(header, rows, text_columns=len(keys))


def _cells(grid: Grid, trial: Trial, metric: str) -> list[str]:
    """Return published, ours and difference, or ours alone where nothing of the metric is published."""
    decimals = _decimals(grid, metric)
    mean, theirs = trial.mean(metric), trial.published.get(metric)
    ours = _ours(trial, metric, decimals)
    if not _is_published(grid, metric):
        return [ours]
    published = "-" if theirs is None else _number(metric, theirs, decimals)
    if mean is None or theirs is None:
        return [published, ours, "-"]
    return [published, ours, _number(metric, mean - theirs, decimals, sign="+")]


def _agreement(grid: Grid, trials: Sequence[Trial]) -> list[str]:
    """Return a sentence on whether both tables have the trials in a like order."""
    pairs = [(trial.published.get(grid.objective), trial.mean(grid.objective)) for trial in trials]
    both = [(theirs, ours) for theirs, ours in pairs if theirs is not None and ours is not None]
    if len(both) < _FEWEST_TO_CORRELATE:
        return []
    name = metric_title(grid.objective)
    if any(len(set(column)) == 1 for column in zip(*both, strict=True)):
        return [
            f"Order: one of the tables has the same {name} for every trial, so there is no order to compare."
        ]
    # Spearman's is Pearson's correlation of the ranks.
    correlation = float(np.corrcoef(pd.DataFrame(both).rank(), rowvar=False)[0, 1])
    return [
        f"Order: by {name}, Spearman's rank correlation of our table with the published one is "
        f"{correlation:+.2f} over {len(both)} trials: +1 is the same order in both, 0 is orders that say "
        "nothing about each other, -1 is the opposite order."
    ]


def _failures(grid: Grid, results: pd.DataFrame) -> list[str]:
    failed = results[~finished(results)]
    if failed.empty:
        return []
    lines = [
        f"- trial {row['trial']} ({described({key: row[key] for key in grid.axes()})}), seed {row['seed']}: "
        f"{' '.join(str(row['error']).split())}"
        for row in failed.to_dict("records")
    ]
    return ["## Failed trials\n\n" + "\n".join(lines)]


def _plots(folder: Path, grid: Grid, trials: Sequence[Trial]) -> list[str]:
    """Write the pictures that the finished trials allow, and return the lines that show them."""
    done = [trial for trial in trials if trial.mean(grid.objective) is not None]
    if len(done) < 2:
        return []
    metrics = {
        "main_effects": ("Main effect of each setting", grid_plots.main_effects(grid, done)),
        "parallel_coordinates": ("Each trial as a line", grid_plots.parallel_coordinates(grid, done)),
    }
    if {"model", EPOCHS} <= set(grid.vary):
        metrics["model_comparison"] = (
            "Each model over the epochs",
            grid_plots.model_comparison(grid, trials),
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, metric) in metrics.items():
        save_plot(folder / f"{name}.png", metric)
    return [f"![{title}](plots/{name}.png)" for name, (title, _) in metrics.items()]


def _is_published(grid: Grid, metric: str) -> bool:
    return any(row.get(metric) is not None for row in grid.published)


def _decimals(grid: Grid, metric: str) -> int:
    """Return the digits behind the point in the published column, four at least: YAML drops zeros."""
    texts = [str(row[metric]) for row in grid.published if row.get(metric) is not None]
    return max([4, *(len(text.partition(".")[2]) for text in texts)])


def _ours(trial: Trial, metric: str, decimals: int) -> str:
    mean, spread = trial.mean(metric), trial.spread(metric)
    if mean is None:
        return "-"
    text = _number(metric, mean, decimals)
    return text if spread is None else f"{text} ± {_number(metric, spread, decimals)}"


def _number(metric: str, value: float, decimals: int, sign: str = "") -> str:
    return _minutes(value, sign) if metric == "minutes" else f"{value:{sign}.{decimals}f}"


def _minutes(value: float, sign: str = "") -> str:
    return f"{value:{sign}.1f}" if abs(value) < 10 else f"{value:{sign},.0f}"
