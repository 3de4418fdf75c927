"""The pictures of a run. Each function returns a figure; nothing here reads or writes files."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's palette, whose colours stay apart for colour-blind eyes.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"


def history(table: pd.DataFrame, objective: str) -> Figure:
    """Draw loss and F1 of every epoch, the best epoch marked.

    Args:
        table: a run's history.csv.
        objective: micro, macro or samples, the F1 that picked the best epoch.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    _curve(losses, table, "loss", "training", BLUE)
    _curve(losses, table, "val_loss", "validation", ORANGE)
    losses.set(title="Loss", xlabel="epoch")
    for name, colour in (("micro", BLUE), ("macro", ORANGE), ("samples", GREEN)):
        _curve(scores, table, f"val_{name}_f1", name, colour)
    best = int(table["epoch"].iloc[table[f"val_{objective}_f1"].argmax()])
    scores.axvline(best, color=GREY, linestyle="--", linewidth=1, zorder=0)
    scores.set(title=f"F1 on validation (best {objective}: epoch {best})", xlabel="epoch", ylim=(0, 1))
    for axes in (losses, scores):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        _tidy(axes)
    return figure


def per_class_f1(per_class: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Draw each class's F1 on validation, highest first, with its number of validation rows.

    Args:
        per_class: `per_class` of a run's metrics.json, in the order of `names`.
        names: each class as people read it.
    """
    rows = sorted(zip(names, per_class.values(), strict=True), key=lambda pair: pair[1]["f1"])
    figure, axes = _bars([name for name, _ in rows])
    scores = [figures["f1"] for _, figures in rows]
    bars = axes.barh(range(len(rows)), scores, color=BLUE, height=0.7)
    axes.bar_label(
        bars, [f"{figures['f1']:.2f}  (n={figures['support']:,})" for _, figures in rows], padding=4
    )
    axes.set(title="F1 of each label on validation (n: rows that have it)", xlim=(0, 1.18))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    return figure


def label_distribution(counts: Mapping[str, int]) -> Figure:
    """Draw how many labelled rows have each label, commonest first.

    Args:
        counts: rows by label.
    """
    rows = sorted(counts.items(), key=lambda pair: pair[1])
    figure, axes = _bars([name for name, _ in rows])
    bars = axes.barh(range(len(rows)), [count for _, count in rows], color=BLUE, height=0.7)
    axes.bar_label(bars, [f"{count:,}" for _, count in rows], padding=4)
    axes.set(title="Labelled rows with each label")
    axes.margins(x=0.12)
    return figure


def augmentation(originals: np.ndarray, draws: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw pictures in rows: each as it is, then what random variation made of it.

    Args:
        originals: shape (pictures, size, size, 3), values from 0 to 255.
        draws: shape (pictures, draws, size, size, 3), values from 0 to 255.
        titles: one for each column, the originals' first.
    """
    rows, columns = draws.shape[0], 1 + draws.shape[1]
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    figure = Figure(figsize=(1.2 * columns + 0.15, 1.2 * rows + 0.25), layout=layout)
    # A narrow empty column sets the originals apart.
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1, 0.08, *[1] * (columns - 1)])
    for row, pictures in enumerate(np.concatenate([originals[:, None], draws], axis=1)):
        for column, picture in enumerate(pictures):
            axes = figure.add_subplot(grid[row, column + (column > 0)])
            axes.imshow(np.rint(picture).astype(np.uint8))
            axes.set_axis_off()
            if row == 0:
                axes.set_title(titles[column], fontsize=9, pad=4)
    return figure


def _curve(axes: Axes, table: pd.DataFrame, column: str, label: str, colour: str) -> None:
    # A single epoch is a point, which a line alone would not show.
    axes.plot(table["epoch"], table[column], label=label, color=colour, marker="o", markersize=3.5)


def _bars(names: Sequence[str]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, 1.2 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.margins(y=0.01)
    _tidy(axes)
    axes.grid(axis="y", visible=False)
    return figure, axes


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
