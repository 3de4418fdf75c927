"""The plots of a run. Each function returns a figure; nothing here reads or writes files."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from kmlc.markdown import metric_title
from kmlc.plotting import BLUE, GREEN, GREY, ORANGE, PINK, bar_panels, short, style_axes

# More bars than this are too many to read.
_MOST_BARS = 30


def history(table: pd.DataFrame, curves: Sequence[str], best: int) -> Figure:
    """Draw the loss and metrics of every epoch, with the best epoch marked.

    Args:
        table: the history.csv of a run.
        curves: names of at most four metrics of the validation rows, without `val_`.
        best: number of the best epoch, from 1.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    _curve(losses, table, "loss", "training", BLUE)
    _curve(losses, table, "val_loss", "validation", ORANGE)
    losses.set(title="Loss", xlabel="epoch")
    for name, colour in zip(curves, (BLUE, ORANGE, GREEN, PINK), strict=False):
        _curve(scores, table, f"val_{name}", metric_title(name), colour)
    # Above the grid, which may have a line at the same place.
    scores.axvline(best, color=GREY, linestyle="--", linewidth=1.5, zorder=1)
    scores.set(title=f"On the validation rows (best epoch: {best})", xlabel="epoch", ylim=(-0.02, 1.02))
    for axes in (losses, scores):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        style_axes(axes)
    return figure


def label_distribution(panels: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw how many labelled rows have each label, commonest first; of many labels only both ends.

    Args:
        panels: the counts by label of each panel, by what its labels are called, such as "label".
    """
    end, titled = _MOST_BARS // 2, {}
    for kind, counts in panels.items():
        rows, title = sorted(counts.items(), key=lambda pair: pair[1]), f"Labelled rows with each {kind}"
        if len(rows) > _MOST_BARS:
            title += f": the {end} commonest and the {end} rarest of {len(rows)}"
            rows = [*rows[:end], ("⋮", 0), *rows[-end:]]
        titled[title] = rows
    figure, grid = bar_panels(*([short(name) for name, _ in rows] for rows in titled.values()))
    for axes, (title, rows) in zip(grid, titled.items(), strict=True):
        bars = axes.barh(range(len(rows)), [count for _, count in rows], color=BLUE, height=0.7)
        axes.bar_label(bars, [f"{count:,}" if count else "" for _, count in rows], padding=4)
        axes.set(title=title)
        axes.margins(x=0.12)
    return figure


def augmentation(originals: np.ndarray, draws: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw images in rows: the original, then its augmentations.

    Args:
        originals: shape (images, size, size, 3), values from 0 to 255.
        draws: shape (images, draws, size, size, 3), values from 0 to 255.
        titles: one for each column, that of the originals first.
    """
    rows, columns = draws.shape[0], 1 + draws.shape[1]
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    figure = Figure(figsize=(1.2 * columns + 0.15, 1.2 * rows + 0.25), layout=layout)
    # A narrow empty column after the originals.
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1, 0.08, *[1] * (columns - 1)])
    for row, images in enumerate(np.concatenate([originals[:, None], draws], axis=1)):
        for column, image in enumerate(images):
            axes = figure.add_subplot(grid[row, column + (column > 0)])
            axes.imshow(np.rint(image).astype(np.uint8))
            axes.set_axis_off()
            if row == 0:
                axes.set_title(titles[column], fontsize=9, pad=4)
    return figure


def training_gap(names: Sequence[str], training: Sequence[float], validation: Sequence[float]) -> Figure:
    """Draw the label accuracy of each run on training and validation rows, and the gap between them.

    Args:
        names: the name of each run.
        training: the share of correct labels of each run on its training rows, 0 to 1.
        validation: the same on its validation rows.
    """
    figure = Figure(figsize=(max(6.4, 2.4 + 2.2 * len(names)), 4.8), layout="constrained")
    axes = figure.subplots()
    for scores, label, colour, shift in (
        (training, "training", BLUE, -0.19),
        (validation, "validation", ORANGE, 0.19),
    ):
        places = [place + shift for place in range(len(names))]
        bars = axes.bar(places, scores, width=0.36, color=colour, label=label)
        axes.bar_label(bars, [f"{score:.1%}" for score in scores], padding=3, fontsize=11)
    for place, pair in enumerate(zip(training, validation, strict=True)):
        gap = 100 * (pair[0] - pair[1])
        # All at the same height, above the tallest possible bar.
        axes.text(place, 1.1, f"gap {gap:.1f} points", ha="center", fontsize=13, fontweight="bold")
    axes.set_xticks(range(len(names)), names, fontsize=12)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set(title="Label accuracy on training and validation rows", ylim=(0, 1.18))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    style_axes(axes)
    axes.grid(axis="x", visible=False)
    return figure


def _curve(axes: Axes, table: pd.DataFrame, column: str, label: str, colour: str) -> None:
    # A line alone would not show a single epoch.
    axes.plot(table["epoch"], table[column], label=label, color=colour, marker="o", markersize=3.5)
