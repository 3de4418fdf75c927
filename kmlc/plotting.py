"""What all plots share: colours, the style of axes, panels of bars, and saving."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kmlc.files import write_with
from kmlc.printable import one_line

# Dollar signs in labels and names would start a formula, which fails if it is none.
matplotlib.rcParams["text.parse_math"] = False

# Okabe and Ito's palette, whose colours colour-blind people can tell apart.
BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#999999"


def save_plot(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, whole or not at all."""
    with warnings.catch_warnings():
        # A box in its place says it; of a font for every script there is none.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        write_with(path, lambda temporary: figure.savefig(temporary, dpi=150))


def short(name: str, length: int = 40) -> str:
    r"""Return a name from data for a plot: on one line, without control characters, cut to a length.

    Example:
        short("a\tlong name", 8)  # "a\\tlong…"
    """
    name = one_line(name).replace("\t", r"\t")
    return name if len(name) <= length else f"{name[: length - 1]}…"


def style_axes(axes: Axes) -> None:
    """Remove the frame's top and right, and draw a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def bar_panels(*panels: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each list of names, one below the other, with a row for each name.

    Example:
        figure, (axes,) = bar_panels(["cat", "dog"])
        axes.barh([0, 1], [0.9, 0.8])
    """
    lengths = [len(names) for names in panels]
    figure = Figure(figsize=(8.5, 1.2 * len(panels) + 0.3 * sum(lengths)), layout="constrained")
    grid = list(figure.subplots(len(panels), squeeze=False, height_ratios=lengths).flat)
    for axes, names in zip(grid, panels, strict=True):
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0)
        axes.margins(y=0.01)
        style_axes(axes)
        axes.grid(axis="y", visible=False)
    return figure, grid
