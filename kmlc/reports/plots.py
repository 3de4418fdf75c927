"""The pictures of a run. Each function returns a figure; nothing here reads or writes files."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

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


def training_gap(names: Sequence[str], training: Sequence[float], validation: Sequence[float]) -> Figure:
    """Draw each run's label accuracy on training and validation rows, the gap between them written above.

    Args:
        names: what each run is called.
        training: each run's share of right labels on its training rows, 0 to 1.
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
        # All at one height, above the tallest bar that there can be.
        axes.text(place, 1.1, f"gap {gap:.1f} points", ha="center", fontsize=13, fontweight="bold")
    axes.set_xticks(range(len(names)), names, fontsize=12)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set(title="Label accuracy on training and validation rows", ylim=(0, 1.18))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    _tidy(axes)
    axes.grid(axis="x", visible=False)
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
