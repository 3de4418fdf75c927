"""The plots of a study. Each function returns a figure; nothing here reads or writes files."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from kmlc.markdown import metric_title
from kmlc.plotting import BLUE, GREEN, GREY, ORANGE, PINK, style_axes
from kmlc.reports.grid_trials import ReportedTrial
from kmlc.setting_values import canonical, format_value, short_names
from kmlc.tuning.grid import EPOCHS, Grid, Range

_COLOURS = (BLUE, ORANGE, GREEN, PINK, "#E69F00", "#56B4E9", GREY, "#000000")
_MARKERS = "osD^vP*X"

_PANELS = 4
"""Most panels of the main effects in a row."""


def main_effects(grid: Grid, trials: Sequence[ReportedTrial]) -> Figure:
    """Draw the objective over each setting that varies: a light dot for each trial, a bar for their mean.

    Args:
        grid: the grid of the study.
        trials: at least two trials for which we have the objective.
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
        style_axes(axes)
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
    # Space for the means above the highest trial.
    low, high = scores.min(), scores.max()
    height = (high - low) or 0.1 * abs(high) or 1.0
    panels[0, 0].set_ylim(low - 0.08 * height, high + 0.22 * height)
    figure.suptitle("Main effect of each setting\n(dots: trials; numbers: their means)", fontsize=11)
    return figure


def model_comparison(grid: Grid, trials: Sequence[ReportedTrial]) -> Figure:
    """Draw losses and objective of each model over the epochs, the published ones dashed.

    If other settings vary too, a point is the mean over them.

    Args:
        grid: a grid in which `model` and `train.epochs` vary.
        trials: all trials, ours and the published ones.
    """
    models = _categories(grid.vary["model"], "model", trials)
    panels = ["train_loss", "val_loss", grid.objective]
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels)), panels, strict=True):
        style_axes(axes)
        for number, model in enumerate(models):
            same_model = [trial for trial in trials if canonical(trial.values["model"]) == model]
            ours = _over_epochs(same_model, [trial.mean(name) for trial in same_model])
            published = _over_epochs(same_model, [trial.published.get(name) for trial in same_model])
            for points, linestyle in ((ours, "-"), (published, "--")):
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
            # The loss of the first epoch may be twenty times that of the others.
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
    labels = [format_value(json.loads(model)) for model in models]
    if grid.published:
        entries += [Line2D([], [], color="black"), Line2D([], [], color="black", linestyle="--")]
        labels += ["ours", "published"]
    figure.legend(entries, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _over_epochs(trials: Sequence[ReportedTrial], values: Sequence[float | None]) -> pd.Series:
    """Return the mean of a metric by the number of epochs, ascending; trials without a value are ignored."""
    epochs = [int(trial.values[EPOCHS]) for trial in trials]
    return pd.Series(np.array(values, float), index=epochs).dropna().groupby(level=0).mean()


def _means(axes: Axes, categories: Sequence[str], values: Sequence[str], scores: np.ndarray) -> None:
    """Draw the trials of each value as dots, their mean as a bar, and the mean's value above."""
    places = np.array([categories.index(value) for value in values])
    means = [scores[places == place].mean() for place in range(len(categories))]
    axes.plot(places, scores, "o", color=BLUE, alpha=0.35, markersize=6, markeredgewidth=0)
    linestyle = "-" if all(_is_number(each) for each in categories) else ""
    axes.plot(
        range(len(categories)),
        means,
        color=ORANGE,
        linestyle=linestyle,
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
    labels = [format_value(json.loads(each)) for each in categories]
    axes.set_xticks(range(len(categories)), labels)
    axes.set_xlim(-0.6, len(categories) - 0.4)
    axes.grid(axis="x", visible=False)


def _scatter(axes: Axes, axis: Range, values: np.ndarray, scores: np.ndarray) -> None:
    axes.plot(values, scores, "o", color=BLUE, alpha=0.7, markersize=6, markeredgewidth=0)
    if axis.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if axis.max / axis.min > 10 else (1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())


def _categories(axis: list[object] | Range, key: str, trials: Sequence[ReportedTrial]) -> list[str]:
    """Return the values that occur in the trials: numbers ascending, others in the grid's order."""
    listed = [] if isinstance(axis, Range) else [canonical(value) for value in axis]
    present = {canonical(trial.values[key]) for trial in trials}
    found = [value for value in dict.fromkeys([*listed, *sorted(present)]) if value in present]
    return sorted(found, key=float) if all(map(_is_number, found)) else found


def _is_number(value: str) -> bool:
    return isinstance(json.loads(value), int | float) and value not in ("true", "false")


def _width(grid: Grid, key: str, trials: Sequence[ReportedTrial]) -> float:
    """Return the width of a panel, in inches, that its tick labels need."""
    axis = grid.vary.get(key, [])
    if isinstance(axis, Range):
        return 3.2
    categories = _categories(axis, key, trials)
    longest = max(len(format_value(json.loads(each))) for each in categories)
    return 0.5 + len(categories) * max(0.85, 0.1 * longest)
