"""The report of a study: a table of published and own metrics, and the plots."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy.stats import spearmanr

from kmlc.files import write_text
from kmlc.markdown import counted, escape, markdown_table, metric_title
from kmlc.plotting import save_plot
from kmlc.reports import grid_plots
from kmlc.reports.grid_trials import (
    ReportedTrial,
    finished,
    join_trials,
    ranks,
    table_metrics,
)
from kmlc.setting_values import format_value, format_values, short_names
from kmlc.tuning.grid import EPOCHS, Grid

_FEWEST_TO_CORRELATE = 4
"""A rank correlation over fewer trials is meaningless."""


def write_grid_report(
    folder: Path, grid: Grid, results: pd.DataFrame, notes: Sequence[str] = (), total: int | None = None
) -> None:
    """Write `results.md` and `plots/*.png` of a study, in place of earlier ones; plots need two trials.

    Args:
        folder: the study's directory.
        grid: the grid of the study, with the published rows.
        results: results.csv so far, a row for each finished or failed trial and seed.
        notes: lines on the command, the data, the machine and the date.
        total: the number of trials in the study; None if unknown.

    Example:
        write_grid_report(Path("runs/my-study"), read_grid("report2"), pd.read_csv("results.csv"))
    """
    trials = join_trials(grid, results)
    sections = [
        f"# {escape(grid.title)}",
        "\n".join(_status(grid, trials, total)),
        *(["\n".join(f"- {note}" for note in notes)] if notes else []),
        _table(grid, trials),
        *_agreement(grid, trials),
        *_failures(grid, results),
        *_plots(folder / "plots", grid, trials),
        *([f"Published metrics: {grid.source}."] if grid.source else []),
    ]
    write_text(folder / "results.md", "\n\n".join(sections) + "\n")


def _status(grid: Grid, trials: Sequence[ReportedTrial], total: int | None) -> list[str]:
    """Return the progress of the study, its best trial, and our rank of the published best."""
    finished_trials = [trial for trial in trials if len(trial.ours)]
    done = len(finished_trials)
    head = (f"{done} of {counted(total, 'trial')}" if total else counted(done, "trial")) + " finished."
    ours = [trial for trial in finished_trials if trial.mean(grid.objective) is not None]
    if not ours:
        return [head]
    best = ours[ranks(ours, grid).index(1)]
    name, decimals = metric_title(grid.objective), _decimals(grid, grid.objective)
    values, ours_best = escape(format_values(best.values)), _ours(best, grid.objective, decimals)
    lines = [f"{head} Best by {name}: {values}, {ours_best}."]
    if grid.objective in trials[0].published:
        published = trials[0]
        score = _number(grid.objective, published.published[grid.objective], decimals)
        trial = (
            "the same trial"
            if published is best
            else f"{escape(format_values(published.values))}; ours: {_rank(published, ours, grid)}"
        )
        lines.append(f"The published best ({score}) is {trial}.")
    return lines


def _rank(trial: ReportedTrial, ours: Sequence[ReportedTrial], grid: Grid) -> str:
    found = [rank for each, rank in zip(ours, ranks(ours, grid), strict=True) if each is trial]
    return f"rank {found[0]} of {len(ours)}" if found else "not finished"


def _table(grid: Grid, trials: Sequence[ReportedTrial]) -> str:
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
        row = [escape(format_value(trial.values[key])) for key in keys]
        for metric in metrics:
            row += _cells(grid, trial, metric)
        if several:
            row.append(str(len(trial.ours)) if len(trial.ours) else "-")
        rows.append([*row, "-" if rank is None else str(rank)])
    return markdown_table(header, rows, text_columns=len(keys))


def _cells(grid: Grid, trial: ReportedTrial, metric: str) -> list[str]:
    """Return published, ours and difference, or ours alone if no trial has the metric published."""
    decimals = _decimals(grid, metric)
    mean, published = trial.mean(metric), trial.published.get(metric)
    ours = _ours(trial, metric, decimals)
    if not _is_published(grid, metric):
        return [ours]
    first = "-" if published is None else _number(metric, published, decimals)
    if mean is None or published is None:
        return [first, ours, "-"]
    return [first, ours, _number(metric, mean - published, decimals, sign="+")]


def _agreement(grid: Grid, trials: Sequence[ReportedTrial]) -> list[str]:
    """Return a sentence on the rank correlation of published and own objectives."""
    pairs = [(trial.published.get(grid.objective), trial.mean(grid.objective)) for trial in trials]
    both = [(published, ours) for published, ours in pairs if published is not None and ours is not None]
    if len(both) < _FEWEST_TO_CORRELATE:
        return []
    name = metric_title(grid.objective)
    columns = list(zip(*both, strict=True))
    if any(len(set(column)) == 1 for column in columns):
        return [f"No rank correlation: all trials have the same {name}, published or ours."]
    return [
        f"Spearman's rank correlation between published and our {name}: {spearmanr(*columns).statistic:+.2f} "
        f"over {len(both)} trials (+1: same order, 0: unrelated, -1: opposite order)."
    ]


def _failures(grid: Grid, results: pd.DataFrame) -> list[str]:
    failed = results[~finished(results)]
    if failed.empty:
        return []
    lines = [
        f"- trial {row['trial']} ({escape(format_values({key: row[key] for key in grid.axes()}))}), "
        f"seed {row['seed']}: {escape(str(row['error']))}"
        for row in failed.to_dict("records")
    ]
    return ["## Failed trials\n\n" + "\n".join(lines)]


def _plots(folder: Path, grid: Grid, trials: Sequence[ReportedTrial]) -> list[str]:
    """Write the plots of the finished trials, and return the Markdown that shows them."""
    done = [trial for trial in trials if trial.mean(grid.objective) is not None]
    if len(done) < 2:
        return []
    plots = {"main_effects": ("Main effect of each setting", grid_plots.main_effects(grid, done))}
    if {"model", EPOCHS} <= set(grid.vary):
        plots["model_comparison"] = (
            "Losses and objective of each model over the epochs",
            grid_plots.model_comparison(grid, trials),
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, figure) in plots.items():
        save_plot(folder / f"{name}.png", figure)
    return [f"![{title}](plots/{name}.png)" for name, (title, _) in plots.items()]


def _is_published(grid: Grid, metric: str) -> bool:
    return any(row.get(metric) is not None for row in grid.published)


def _decimals(grid: Grid, metric: str) -> int:
    """Return the number of decimals in the published column, at least four: YAML drops trailing zeros."""
    strings = [str(row[metric]) for row in grid.published if row.get(metric) is not None]
    return max([4, *(len(string.partition(".")[2]) for string in strings)])


def _ours(trial: ReportedTrial, metric: str, decimals: int) -> str:
    mean, spread = trial.mean(metric), trial.spread(metric)
    if mean is None:
        return "-"
    shown_mean = _number(metric, mean, decimals)
    return shown_mean if spread is None else f"{shown_mean} ± {_number(metric, spread, decimals)}"


def _number(metric: str, value: float, decimals: int, sign: str = "") -> str:
    return _minutes(value, sign) if metric == "minutes" else f"{value:{sign}.{decimals}f}"


def _minutes(value: float, sign: str = "") -> str:
    return f"{value:{sign}.1f}" if abs(value) < 10 else f"{value:{sign},.0f}"
