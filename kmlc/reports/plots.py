"""The pictures of a run. Each function returns a figure; nothing here reads or writes files."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import precision_recall_curve

from kmlc.markdown import number
from kmlc.plotting import BLUE, GREEN, GREY, ORANGE, PINK, bar_panels, tidy

# More bars than this are too many to read.
_MOST_BARS = 30


def history(table: pd.DataFrame, curves: Sequence[str], best: int) -> Figure:
    """Draw loss and figures of every epoch, the best epoch marked.

    Args:
        table: a run's history.csv.
        curves: names of at most four figures of the validation rows, without the `val_` before them.
        best: number of the best epoch, from 1.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    _curve(losses, table, "loss", "training", BLUE)
    _curve(losses, table, "val_loss", "validation", ORANGE)
    losses.set(title="Loss", xlabel="epoch")
    for name, colour in zip(curves, (BLUE, ORANGE, GREEN, PINK), strict=False):
        _curve(scores, table, f"val_{name}", name.replace("_", " "), colour)
    # Above the grid, which may have a line in the same place.
    scores.axvline(best, color=GREY, linestyle="--", linewidth=1.5, zorder=1)
    scores.set(title=f"On the validation rows (best epoch: {best})", xlabel="epoch", ylim=(-0.02, 1.02))
    for axes in (losses, scores):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        tidy(axes)
    return figure


def per_class_f1(
    classes: pd.DataFrame, scores: Sequence[str], macro_map: Mapping[str, float | None]
) -> Figure:
    """Draw each class's F1, highest first, with its number of validation rows.

    Args:
        classes: a row for each class: `class`, `support`, and the scores.
        scores: one or two columns of F1, the first of which ranks.
        macro_map: the macro mAP by the part of the rows; None where it is not defined.
    """
    classes = classes.sort_values(scores[0], kind="stable")
    figure, (axes,) = bar_panels([f"{row['class']}  (n={row['support']:,})" for _, row in classes.iterrows()])
    height = 0.76 / len(scores)
    for place, (name, colour) in enumerate(zip(scores, (BLUE, ORANGE), strict=False)):
        places = [row + 0.38 - height * (place + 0.5) for row in range(len(classes))]
        label = {"val_f1": "validation", "test_f1": "test"}[name]
        bars = axes.barh(places, classes[name].astype(float), color=colour, height=height, label=label)
        axes.bar_label(bars, fmt="%.2f", padding=4, fontsize=9 if len(scores) == 1 else 7)
    title = f"F1 of each label (n: validation rows that have it)\n{_macro_map(macro_map)}"
    axes.set(title=title, xlim=(0, 1.1))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    if len(scores) > 1:
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def precision_recall(
    classes: pd.DataFrame, labels: np.ndarray, scores: np.ndarray, macro_map: Mapping[str, float | None]
) -> Figure:
    """Draw the precision-recall curve of each class, its threshold marked.

    Args:
        classes: a row for each class: `class`, `precision`, `recall`, `average_precision`.
        labels: true labels, 0/1, shape (rows, classes).
        scores: probabilities, same shape.
        macro_map: the macro mAP by the part of the rows; None where it is not defined.
    """
    columns = min(6, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(1.2 + 2.1 * columns, 0.6 + 2.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(classes) :]:
        axes.set_axis_off()
    for place, (axes, (_, each)) in enumerate(zip(grid.flat, classes.iterrows(), strict=False)):
        tidy(axes)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_title(each["class"], fontsize=9)
        if not labels[:, place].any():
            axes.text(0.5, 0.5, "no rows", ha="center", va="center", color=GREY)
            continue
        precision, recall, _ = precision_recall_curve(labels[:, place], scores[:, place])
        # Without the points at a recall of 0, which are a line along the axis; the area is the same.
        hit = recall > 0
        recall, precision = np.append(recall[hit], 0), np.append(precision[hit], precision[hit][-1])
        axes.step(recall, precision, where="post", color=BLUE, linewidth=1.5)
        axes.plot(each["recall"], each["precision"], "o", color=ORANGE, markersize=5)
        axes.set_title(f"{each['class']}\nAP {each['average_precision']:.2f}", fontsize=9)
    figure.supxlabel("recall")
    figure.supylabel("precision")
    title = "Precision and recall on the validation rows (dot: at the threshold)"
    figure.suptitle(f"{title}\n{_macro_map(macro_map)}")
    return figure


def label_distribution(levels: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw how many labelled rows have each label, commonest first; of many labels only both ends.

    Args:
        levels: a panel each: by what its labels are called, such as "subclass", the rows by label.
    """
    end, panels = _MOST_BARS // 2, {}
    for level, counts in levels.items():
        rows, title = sorted(counts.items(), key=lambda pair: pair[1]), f"Labelled rows with each {level}"
        if len(rows) > _MOST_BARS:
            title += f": the {end} commonest and the {end} rarest of {len(rows)}"
            rows = [*rows[:end], ("⋮", 0), *rows[-end:]]
        panels[title] = rows
    figure, grid = bar_panels(*([_shortened(name) for name, _ in rows] for rows in panels.values()))
    for axes, (title, rows) in zip(grid, panels.items(), strict=True):
        bars = axes.barh(range(len(rows)), [count for _, count in rows], color=BLUE, height=0.7)
        axes.bar_label(bars, [f"{count:,}" if count else "" for _, count in rows], padding=4)
        axes.set(title=title)
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
    tidy(axes)
    axes.grid(axis="x", visible=False)
    return figure


def _curve(axes: Axes, table: pd.DataFrame, column: str, label: str, colour: str) -> None:
    # A single epoch is a point, which a line alone would not show.
    axes.plot(table["epoch"], table[column], label=label, color=colour, marker="o", markersize=3.5)


def _shortened(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"


def _macro_map(parts: Mapping[str, float | None]) -> str:
    return "macro mAP: " + ", ".join(f"{part} {number(value)}" for part, value in parts.items())
