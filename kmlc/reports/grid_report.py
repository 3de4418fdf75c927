"""The report of a grid: our table beside the published one, and the pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kmlc.files import write_text
from kmlc.reports import grid_plots
from kmlc.reports.grid_cases import (
    Case,
    described,
    figure_title,
    finished,
    join_cases,
    ranks,
    short_names,
    shown,
    table_figures,
)
from kmlc.reports.parts import markdown_table, save_figure
from kmlc.tuning.grid import EPOCHS, Grid

# Below this many cases a correlation of ranks says nothing.
_FEWEST_TO_CORRELATE = 4


def write_grid_report(
    folder: Path, grid: Grid, results: pd.DataFrame, notes: Sequence[str] = (), total: int | None = None
) -> None:
    """Write `results.md` and `plots/*.png` of a study, over those that are there; pictures from two cases on.

    Args:
        folder: the study's directory.
        grid: what varies, and the published table.
        results: results.csv, a row for each finished or failed case and seed, as far as the study has come.
        notes: lines on the command, the data, the machine and the date.
        total: how many cases the study has; None where nobody knows.

    Example:
        write_grid_report(Path("runs/my-study"), read_grid("report2"), pd.read_csv("results.csv"))
    """
    cases = join_cases(grid, results)
    sections = [
        f"# {grid.title}",
        "\n".join(_status(grid, cases, total)),
        *(["\n".join(f"- {note}" for note in notes)] if notes else []),
        _table(grid, cases),
        *_agreement(grid, cases),
        *_failures(grid, results),
        *_plots(folder / "plots", grid, cases),
        *([f"Published figures: {grid.source}."] if grid.source else []),
    ]
    write_text(folder / "results.md", "\n\n".join(sections) + "\n")


def _status(grid: Grid, cases: Sequence[Case], total: int | None) -> list[str]:
    """Return how far the study is, its best case, and whether the published best is the same."""
    ran = [case for case in cases if len(case.ours)]
    head = f"{len(ran)}{'' if total is None else f' of {total}'} cases finished."
    ours = [case for case in ran if case.mean(grid.objective) is not None]
    if not ours:
        return [head]
    best = ours[ranks(ours, grid).index(1)]
    name, decimals = figure_title(grid.objective), _decimals(grid, grid.objective)
    lines = [f"{head} Best by {name}: {described(best.values)}, {_ours(best, grid.objective, decimals)}."]
    if grid.objective in cases[0].published:
        theirs = cases[0]
        figure = _number(grid.objective, theirs.published[grid.objective], decimals)
        same = (
            "the same case"
            if theirs is best
            else f"{described(theirs.values)}, with us {_place(theirs, ours, grid)}"
        )
        lines.append(f"The published best ({figure}) is {same}.")
    return lines


def _place(case: Case, ours: Sequence[Case], grid: Grid) -> str:
    found = [rank for each, rank in zip(ours, ranks(ours, grid), strict=True) if each is case]
    return f"rank {found[0]} of {len(ours)}" if found else "not finished"


def _table(grid: Grid, cases: Sequence[Case]) -> str:
    keys, figures = list(cases[0].values if cases else grid.axes()), table_figures(grid)
    names = short_names(keys)
    several = max((len(case.ours) for case in cases), default=0) > 1
    header = [names[key] for key in keys]
    for figure in figures:
        title = figure_title(figure)
        header += (
            [f"{title} published", f"{title} ours", "difference"] if _is_published(grid, figure) else [title]
        )
    header += [*(["seeds"] if several else []), "our rank"]
    rows = []
    for case, rank in zip(cases, ranks(cases, grid), strict=True):
        row = [shown(case.values[key]) for key in keys]
        for figure in figures:
            row += _cells(grid, case, figure)
        if several:
            row.append(str(len(case.ours)) if len(case.ours) else "-")
        rows.append([*row, "-" if rank is None else str(rank)])
    return markdown_table(header, rows, text_columns=len(keys))


def _cells(grid: Grid, case: Case, figure: str) -> list[str]:
    """Return published, ours and difference, or ours alone where nothing of the figure is published."""
    decimals = _decimals(grid, figure)
    mean, theirs = case.mean(figure), case.published.get(figure)
    ours = _ours(case, figure, decimals)
    if not _is_published(grid, figure):
        return [ours]
    published = "-" if theirs is None else _number(figure, theirs, decimals)
    if mean is None or theirs is None:
        return [published, ours, "-"]
    return [published, ours, _number(figure, mean - theirs, decimals, sign="+")]


def _agreement(grid: Grid, cases: Sequence[Case]) -> list[str]:
    """Return a sentence on whether both tables have the cases in a like order."""
    pairs = [(case.published.get(grid.objective), case.mean(grid.objective)) for case in cases]
    both = [(theirs, ours) for theirs, ours in pairs if theirs is not None and ours is not None]
    if len(both) < _FEWEST_TO_CORRELATE:
        return []
    name = figure_title(grid.objective)
    if any(len(set(column)) == 1 for column in zip(*both, strict=True)):
        return [
            f"Order: one of the tables has the same {name} for every case, so there is no order to compare."
        ]
    # Spearman's is Pearson's correlation of the ranks.
    correlation = float(np.corrcoef(pd.DataFrame(both).rank(), rowvar=False)[0, 1])
    return [
        f"Order: by {name}, Spearman's rank correlation of our table with the published one is "
        f"{correlation:+.2f} over {len(both)} cases: +1 is the same order in both, 0 is orders that say "
        "nothing about each other, -1 is the opposite order."
    ]


def _failures(grid: Grid, results: pd.DataFrame) -> list[str]:
    failed = results[~finished(results)]
    if failed.empty:
        return []
    lines = [
        f"- case {row['case']} ({described({key: row[key] for key in grid.axes()})}), seed {row['seed']}: "
        f"{' '.join(str(row['error']).split())}"
        for row in failed.to_dict("records")
    ]
    return ["## Failed cases\n\n" + "\n".join(lines)]


def _plots(folder: Path, grid: Grid, cases: Sequence[Case]) -> list[str]:
    """Write the pictures that the finished cases allow, and return the lines that show them."""
    done = [case for case in cases if case.mean(grid.objective) is not None]
    if len(done) < 2:
        return []
    figures = {
        "main_effects": ("Main effect of each setting", grid_plots.main_effects(grid, done)),
        "parallel_coordinates": ("Each case as a line", grid_plots.parallel_coordinates(grid, done)),
    }
    if {"model", EPOCHS} <= set(grid.vary):
        figures["model_comparison"] = ("Each model over the epochs", grid_plots.model_comparison(grid, cases))
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, figure) in figures.items():
        save_figure(folder / f"{name}.png", figure)
    return [f"![{title}](plots/{name}.png)" for name, (title, _) in figures.items()]


def _is_published(grid: Grid, figure: str) -> bool:
    return any(row.get(figure) is not None for row in grid.published)


def _decimals(grid: Grid, figure: str) -> int:
    """Return the digits behind the point in the published column, four at least: YAML drops zeros."""
    texts = [str(row[figure]) for row in grid.published if row.get(figure) is not None]
    return max([4, *(len(text.partition(".")[2]) for text in texts)])


def _ours(case: Case, figure: str, decimals: int) -> str:
    mean, spread = case.mean(figure), case.spread(figure)
    if mean is None:
        return "-"
    text = _number(figure, mean, decimals)
    return text if spread is None else f"{text} ± {_number(figure, spread, decimals)}"


def _number(figure: str, value: float, decimals: int, sign: str = "") -> str:
    return _minutes(value, sign) if figure == "minutes" else f"{value:{sign}.{decimals}f}"


def _minutes(value: float, sign: str = "") -> str:
    return f"{value:{sign}.1f}" if abs(value) < 10 else f"{value:{sign},.0f}"
