"""The plots of multi-label classification. Each function returns a figure; nothing here uses files."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from kmlc.markdown import format_number
from kmlc.plotting import BLUE, GREY, ORANGE, bar_panels, short, style_axes


def per_class_f1(
    classes: pd.DataFrame, scores: Sequence[str], macro_map: Mapping[str, float | None]
) -> Figure:
    """Draw the F1 of each class, highest first, with its number of validation rows.

    Args:
        classes: a row for each class: `class`, `support`, and the columns of F1.
        scores: one or two columns of F1; classes are sorted by the first.
        macro_map: the macro mAP of each split; None where it is not defined.
    """
    classes = classes.sort_values(scores[0], kind="stable")
    figure, (axes,) = bar_panels(
        [f"{short(row['class'])}  (n={row['support']:,})" for _, row in classes.iterrows()]
    )
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
    """Draw the precision-recall curve of each class, with its threshold marked.

    Args:
        classes: a row for each class: `class`, `precision`, `recall`, `average_precision`.
        labels: true labels, 0/1, shape (rows, classes).
        scores: probabilities, same shape.
        macro_map: the macro mAP of each split; None where it is not defined.
    """
    columns = min(6, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(1.2 + 2.1 * columns, 0.6 + 2.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(classes) :]:
        axes.set_axis_off()
    for place, (axes, (_, each)) in enumerate(zip(grid.flat, classes.iterrows(), strict=False)):
        style_axes(axes)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        name = short(each["class"], 24)
        axes.set_title(name, fontsize=9)
        if not labels[:, place].any():
            axes.text(0.5, 0.5, "no rows", ha="center", va="center", color=GREY)
            continue
        precision, recall, _ = precision_recall_curve(labels[:, place], scores[:, place])
        # Without the points at a recall of 0, a line along the axis; the area is the same.
        found = recall > 0
        recall, precision = np.append(recall[found], 0), np.append(precision[found], precision[found][-1])
        axes.step(recall, precision, where="post", color=BLUE, linewidth=1.5)
        axes.plot(each["recall"], each["precision"], "o", color=ORANGE, markersize=5)
        axes.set_title(f"{name}\nAP {each['average_precision']:.2f}", fontsize=9)
    figure.supxlabel("recall")
    figure.supylabel("precision")
    title = "Precision and recall on the validation rows (dot: at the threshold)"
    figure.suptitle(f"{title}\n{_macro_map(macro_map)}")
    return figure


def _macro_map(splits: Mapping[str, float | None]) -> str:
    return "macro mAP: " + ", ".join(f"{split} {format_number(value)}" for split, value in splits.items())
