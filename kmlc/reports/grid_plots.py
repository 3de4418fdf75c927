"""The pictures of a grid. Each function returns a figure; nothing here reads or writes files."""

import json
from collections.abc import Callable, Sequence
from typing import Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from kmlc.plotting import BLUE, GREEN, GREY, ORANGE, PINK, tidy
from kmlc.reports.grid_trials import Trial, canonical, described, metric_title, short_names, shown
from kmlc.tuning.grid import EPOCHS, Grid, Range

_COLOURS = (BLUE, ORANGE, GREEN, PINK, "#E69F00", "#56B4E9", GREY, "#000000")
_MARKERS = "osD^vP*X"

# Without its yellow end, which white paper swallows.
_SHADES = LinearSegmentedColormap.from_list(
    "shades", matplotlib.colormaps["viridis"](np.linspace(0, 0.88, 64))
)

# Half the height over which the lines that share a value are spread, as a part of the axis.
_BAND = 0.12

# Panels beside each other in the main effects.
_PANELS = 4


def main_effects(grid: Grid, trials: Sequence[Trial]) -> Figure:
    """Draw the objective by each setting that varies: the trials light, the mean of each value strong.

    Args:
        grid: what varies.
        trials: those with a figure of ours, two at least.
    """
    keys = [key for key in trials[0].values if len({canonical(trial.values[key]) for trial in trials}) > 1]
    columns = min(_PANELS, len(keys))
    rows = -(-len(keys) // columns)
    widths = [max(_width(grid, key, trials) for key in keys[column::columns]) for column in range(columns)]
    figure = Figure(figsize=(max(5.0, 1.2 + sum(widths)), 0.9 + 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False, gridspec_kw={"width_ratios": widths})
    names = short_names(list(trials[0].values))
    scores = np.array([trial.mean(grid.objective) for trial in trials], float)
    for axes, key in zip(panels.flat, keys, strict=False):
        tidy(axes)
        axes.set_xlabel(names[key], fontsize=11)
        axis = grid.vary.get(key, [])
        if isinstance(axis, Range):
            _scatter(axes, axis, np.array([trial.values[key] for trial in trials], float), scores)
        else:
            _means(
                axes,
                _categories(axis, key, trials),
                [canonical(trial.values[key]) for trial in trials],
                scores,
            )
    for axes in panels.flat[len(keys) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(metric_title(grid.objective))
    # Room for the means above the highest trial.
    low, high = scores.min(), scores.max()
    height = (high - low) or 0.1 * abs(high) or 1.0
    panels[0, 0].set_ylim(low - 0.08 * height, high + 0.22 * height)
    figure.suptitle("Main effect of each setting\n(dots: trials; numbers: their means)", fontsize=11)
    return figure


def parallel_coordinates(grid: Grid, trials: Sequence[Trial]) -> Figure:
    """Draw each trial as a line over the settings that vary, coloured by the objective, the best strong.

    Lines that share a value are spread a little about it, in the order of the objective.

    Args:
        grid: what varies.
        trials: those with a figure of ours.
    """
    keys = list(trials[0].values)
    scores = np.array([trial.mean(grid.objective) for trial in trials], float)
    # Best first, whichever way is better.
    order = np.argsort(scores if grid.direction == "min" else -scores, kind="stable")
    trials, scores = [trials[place] for place in order], scores[order]
    figure = Figure(figsize=(2.6 + 2.1 * len(keys), 5.2), layout="constrained")
    axes = figure.subplots()
    objective = _linear(scores.min(), scores.max())
    heights = [
        *(_heights(axes, place, grid, key, trials) for place, key in enumerate(keys)),
        objective(scores),
    ]
    _upright(axes, len(keys), {f"{value:.4g}": float(objective(value)) for value in _ticks(scores)}, side=1)
    colours = _SHADES.reversed() if grid.direction == "max" else _SHADES
    shades = ScalarMappable(Normalize(*_bounds(scores)), colours)
    for number, (score, line) in enumerate(zip(scores, zip(*heights, strict=True), strict=True)):
        strong = number == 0
        axes.plot(
            range(len(keys) + 1),
            line,
            color=shades.to_rgba(score),
            linewidth=4 if strong else 1.4,
            marker="o",
            markersize=7 if strong else 3.5,
            zorder=4 if strong else 3,
        )
    names = short_names(keys)
    axes.set_xticks(
        range(len(keys) + 1), [*(names[key] for key in keys), metric_title(grid.objective)], fontsize=11
    )
    axes.tick_params(axis="x", length=0, pad=10)
    axes.set(xlim=(-0.45, len(keys) + 0.45), ylim=(-0.06, 1.06), yticks=[])
    axes.spines[:].set_visible(False)
    figure.colorbar(shades, ax=axes, label=metric_title(grid.objective), pad=0.02, aspect=30)
    figure.suptitle(
        f"Each trial as a line; the strong one is the best:\n{described(trials[0].values)}", fontsize=11
    )
    return figure


def model_comparison(grid: Grid, trials: Sequence[Trial]) -> Figure:
    """Draw losses and objective of each model over the epochs, the published ones dashed.

    Where more than model and epochs vary, a point is the mean over the other settings.

    Args:
        grid: one in which `model` and `train.epochs` vary.
        trials: ours and the published ones.
    """
    models = _categories(grid.vary["model"], "model", trials)
    panels = ["train_loss", "val_loss", grid.objective]
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels)), panels, strict=True):
        tidy(axes)
        for number, model in enumerate(models):
            mine = [trial for trial in trials if canonical(trial.values["model"]) == model]
            ours = _over_epochs(mine, [trial.mean(name) for trial in mine])
            theirs = _over_epochs(mine, [trial.published.get(name) for trial in mine])
            for points, linestyle in ((ours, "-"), (theirs, "--")):
                axes.plot(
                    points.index,
                    points,
                    color=_COLOURS[number % len(_COLOURS)],
                    marker=_MARKERS[number % len(_MARKERS)],
                    markersize=5,
                    linewidth=1.6,
                    linestyle=linestyle,
                )
        if name.endswith("loss"):
            # A first epoch may be twenty times above the others.
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.yaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=metric_title(name), xlabel="epoch")
    entries = [
        Line2D([], [], color=_COLOURS[number % len(_COLOURS)], marker=_MARKERS[number % len(_MARKERS)])
        for number in range(len(models))
    ]
    labels = [shown(json.loads(model)) for model in models]
    if grid.published:
        entries += [Line2D([], [], color="black"), Line2D([], [], color="black", linestyle="--")]
        labels += ["ours", "published"]
    figure.legend(entries, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _over_epochs(trials: Sequence[Trial], figures: Sequence[float | None]) -> pd.Series:
    """Return the mean figure of the trials by their number of epochs, ascending, for those that have one."""
    epochs = [int(trial.values[EPOCHS]) for trial in trials]
    return pd.Series(np.array(figures, float), index=epochs).dropna().groupby(level=0).mean()


def _means(axes: Axes, categories: Sequence[str], values: Sequence[str], scores: np.ndarray) -> None:
    """Draw the trials of each value, their mean as a bar across them, and its number above."""
    places = np.array([categories.index(value) for value in values])
    means = [scores[places == place].mean() for place in range(len(categories))]
    axes.plot(places, scores, "o", color=BLUE, alpha=0.35, markersize=6, markeredgewidth=0)
    joined = "-" if all(_is_number(each) for each in categories) else ""
    axes.plot(
        range(len(categories)),
        means,
        color=ORANGE,
        linestyle=joined,
        marker="_",
        markersize=26,
        markeredgewidth=3,
    )
    for place, mean in enumerate(means):
        axes.text(
            place,
            0.985,
            f"{mean:.4f}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            color=ORANGE,
            fontweight="bold",
            fontsize=9.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    labels = [shown(json.loads(each)) for each in categories]
    axes.set_xticks(range(len(categories)), labels)
    axes.set_xlim(-0.6, len(categories) - 0.4)
    axes.grid(axis="x", visible=False)


def _scatter(axes: Axes, axis: Range, values: np.ndarray, scores: np.ndarray) -> None:
    axes.plot(values, scores, "o", color=BLUE, alpha=0.7, markersize=6, markeredgewidth=0)
    if axis.log:
        axes.set_xscale("log")


def _heights(axes: Axes, place: int, grid: Grid, key: str, trials: Sequence[Trial]) -> np.ndarray:
    """Draw the upright axis of a setting, and return where each trial crosses it, from 0 to 1."""
    axis = grid.vary.get(key, [])
    if isinstance(axis, Range):
        scale = _logarithmic(axis.min, axis.max) if axis.log else _linear(axis.min, axis.max)
        ticks = (np.geomspace if axis.log else np.linspace)(axis.min, axis.max, 5)
        _upright(axes, place, {f"{value:.3g}": float(scale(value)) for value in ticks})
        return scale(np.array([trial.values[key] for trial in trials], float))
    categories = _categories(axis, key, trials)
    count = len(categories)
    levels = np.linspace(_BAND, 1 - _BAND, count) if count > 1 else np.array([0.5])
    half = min(_BAND, 0.32 * (levels[1] - levels[0])) if count > 1 else _BAND
    _upright(
        axes, place, {shown(json.loads(each)): level for each, level in zip(categories, levels, strict=True)}
    )
    found = np.array([categories.index(canonical(trial.values[key])) for trial in trials])
    heights = levels[found]
    for number, level in enumerate(levels):
        axes.plot(
            [place] * 2,
            [level - half, level + half],
            color="#dddddd",
            linewidth=7,
            solid_capstyle="butt",
            zorder=1,
        )
        same = np.flatnonzero(found == number)
        if len(same) > 1:
            heights[same] = np.linspace(level + half, level - half, len(same))
    return heights


def _upright(axes: Axes, place: int, ticks: dict[str, float], side: Literal[-1, 1] = -1) -> None:
    """Draw the upright axis at `place` with a label at each height, left of it (-1) or right (1)."""
    axes.plot([place, place], [0, 1], color="#bbbbbb", linewidth=1.2, zorder=1)
    for label, height in ticks.items():
        axes.text(
            place + 0.07 * side,
            height,
            label,
            ha="right" if side == -1 else "left",
            va="center",
            fontsize=9.5,
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )


def _categories(axis: list[object] | Range, key: str, trials: Sequence[Trial]) -> list[str]:
    """Return the values that the trials have, numbers ascending, others in the grid's order."""
    listed = [] if isinstance(axis, Range) else [canonical(value) for value in axis]
    present = {canonical(trial.values[key]) for trial in trials}
    found = [value for value in dict.fromkeys([*listed, *sorted(present)]) if value in present]
    return sorted(found, key=float) if all(map(_is_number, found)) else found


def _is_number(value: str) -> bool:
    return isinstance(json.loads(value), int | float) and value not in ("true", "false")


def _width(grid: Grid, key: str, trials: Sequence[Trial]) -> float:
    """Return how many inches a panel needs for its values' names."""
    axis = grid.vary.get(key, [])
    if isinstance(axis, Range):
        return 3.2
    categories = _categories(axis, key, trials)
    longest = max(len(shown(json.loads(each))) for each in categories)
    return 0.5 + len(categories) * max(0.85, 0.1 * longest)


def _bounds(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest value, a little apart if they are one."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _linear(low: float, high: float) -> Callable[[np.ndarray | float], np.ndarray]:
    low, high = _bounds(np.array([low, high]))
    return lambda value: (np.asarray(value, float) - low) / (high - low)


def _logarithmic(low: float, high: float) -> Callable[[np.ndarray | float], np.ndarray]:
    scale = _linear(np.log(low), np.log(high))
    return lambda value: scale(np.log(value))


def _ticks(values: np.ndarray) -> np.ndarray:
    return np.linspace(values.min(), values.max(), 5) if np.ptp(values) else values[:1]
