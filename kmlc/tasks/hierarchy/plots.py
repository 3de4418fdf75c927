"""The plots of a hierarchy. Each function returns a figure; nothing here reads or writes files."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kmlc.markdown import counted
from kmlc.plotting import BLUE, ORANGE, short, style_axes


def confusion(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix, coloured by the share of each true class.

    Args:
        counts: int of shape (classes, classes), a row for each true class, a column for each predicted one.
        classes: their names. A true class without rows, as the novel one may be, is not drawn.
    """
    rows = np.flatnonzero(counts.sum(axis=1)).tolist()
    shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
    figure = Figure(figsize=(2.6 + 1.3 * len(classes), 1.9 + 0.9 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            f"{counts[rows[row], column]:,}\n{share:.1%}",
            ha="center",
            va="center",
            fontsize=12,
            color="white" if share > 0.5 else "black",
        )
    names = [short(name, 24) for name in classes]
    axes.set_xticks(range(len(names)), names, fontsize=12)
    axes.set_yticks(range(len(rows)), [names[row] for row in rows], fontsize=12)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted", fontsize=12)
    axes.set_ylabel("true", fontsize=12)
    axes.set_title("Superclasses on the validation rows", fontsize=13)
    return figure


def novelty(levels: Mapping[str, tuple[np.ndarray, np.ndarray, float]]) -> Figure:
    """Draw histograms of the novelty scores of known and novel rows, a panel for each level.

    Args:
        levels: by the level's name: scores of the known rows, scores of the novel rows, the threshold.
    """
    figure = Figure(figsize=(1 + 5.2 * len(levels), 5), layout="constrained")
    grid = figure.subplots(1, len(levels), squeeze=False)
    for axes, (level, (known, novel, threshold)) in zip(grid.flat, levels.items(), strict=True):
        edges = np.histogram_bin_edges(np.concatenate([known, novel]), bins=40)
        passing, detected = np.mean(known <= threshold), np.mean(novel > threshold)
        for scores, label, colour in (
            (known, f"known: {counted(len(known), 'row')}, {passing:.0%} pass", BLUE),
            (novel, f"novel: {counted(len(novel), 'row')}, {detected:.0%} detected", ORANGE),
        ):
            # Shares: there may be few novel rows and many known ones.
            weights = np.full(len(scores), 1 / len(scores))
            axes.hist(
                scores, edges, weights=weights, histtype="step", color=colour, linewidth=1.8, label=label
            )
        axes.axvline(threshold, color="black", linestyle="--", linewidth=1.5, label="threshold")
        axes.set_title(f"Novelty of the {level}", fontsize=13)
        axes.set(xlabel="novelty score", ylabel="share of the rows")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
        style_axes(axes)
    return figure
