"""The plots of the caption report. Each function returns a figure; nothing here reads or writes files."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from wordcloud import WordCloud

from kmlc.plotting import BLUE, GREEN, ORANGE, short

Words = Mapping[str, float]
"""The TF-IDF of a class's words, highest first."""

_SHADES = LinearSegmentedColormap.from_list("shades", ["#f5f7f9", BLUE, "#00324f"])
_INK = "#333333"
_ANNOTATED = 20
"""Most classes for which the cells of the heat map are annotated with numbers."""


def top_words(classes: Mapping[str, Words]) -> Figure:
    """Draw a bar chart of each class's words, as small multiples on one scale.

    Args:
        classes: the words of each class by its name.
    """
    highest = max((score for words in classes.values() for score in words.values()), default=1.0)
    most = max(map(len, classes.values()))

    def draw(axes: Axes, words: Words) -> None:
        places = range(len(words))
        axes.barh(places, list(words.values()), color=BLUE, height=0.72)
        axes.set_yticks(places, [short(word, 16) for word in words], fontsize=9, color=_INK)
        axes.tick_params(axis="y", length=0)
        # All panels have the same limits, even with fewer words.
        axes.set(xlim=(0, highest * 1.02), ylim=(most - 0.4, -0.6), xticks=[])
        axes.spines[["top", "right", "bottom"]].set_visible(False)

    return _panels(classes, "Words with the highest TF-IDF of each label", 2.25, draw)


def word_clouds(classes: Mapping[str, Words], seed: int) -> Figure:
    """Draw the words of each class as a cloud, the larger the higher their TF-IDF.

    The strongest word is orange, the next nine are blue. A word that does not fit is skipped.

    Args:
        classes: the words of each class by its name.
        seed: the seed of the layout.
    """

    def draw(axes: Axes, words: Words) -> None:
        colours = dict(zip(words, [ORANGE, *[BLUE] * 9, *[GREEN] * len(words)], strict=False))
        cloud = WordCloud(
            width=480,
            height=300,
            margin=8,
            font_path=findfont("DejaVu Sans"),
            background_color="white",
            prefer_horizontal=1,
            relative_scaling=0.5,
            max_font_size=112,
            min_font_size=16,
            random_state=seed,
            color_func=lambda word, **_: colours[word],
        )
        axes.imshow(cloud.generate_from_frequencies(words).to_array(), interpolation="bilinear")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#e6e6e6")

    return _panels(classes, "Words of each label, sized by TF-IDF", 1.95, draw)


def cooccurrence(shares: np.ndarray, rows: Sequence[int], names: Sequence[str]) -> Figure:
    """Draw the co-occurrence of labels: of the rows with one label, the share that also has another.

    Args:
        shares: float64 of shape (classes, classes): of the rows with the first label, the share with the
            second; NaN if no row has the first.
        rows: the number of rows with each label; shown beside its name.
        names: the display name of each class.
    """
    count = len(names)
    annotated = count <= _ANNOTATED
    side = count * (0.5 if annotated else 0.24)
    figure = Figure(figsize=(max(side, 3) + 3.4, max(side, 3) + 2.2), layout="constrained")
    axes = figure.subplots()
    others = np.where(np.eye(count, dtype=bool), np.nan, shares)
    # On a linear scale the many rare pairs would all look white.
    image = axes.imshow(others, cmap=_SHADES, norm=PowerNorm(0.5, 0, 1))
    axes.set_facecolor("#d9d9d9")
    drawn = [short(name, 28) for name in names]
    if annotated:
        axes.set_xticks(range(count), drawn, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(range(count), drawn, rotation=90)
    axes.set_yticks(range(count), [f"{name}  ({n:,})" for name, n in zip(drawn, rows, strict=True)])
    axes.tick_params(length=0, labelsize=9)
    axes.set_xticks(np.arange(1, count) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, count) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("… that also have this label")
    axes.set_ylabel("Of the rows with this label (number of rows) …")
    axes.set_title("Co-occurrence of labels")
    bar = figure.colorbar(image, shrink=0.6, ticks=[0, 0.05, 0.2, 0.5, 1], format=lambda x, _: f"{x:.0%}")
    bar.outline.set_visible(False)
    if annotated:
        for (row, column), share in np.ndenumerate(others):
            if share > 0:
                percentage = f"{share:.0%}" if share >= 0.005 else "<1%"
                colour = "white" if share > 0.12 else _INK
                axes.text(column, row, percentage, ha="center", va="center", fontsize=8.5, color=colour)
    return figure


def _panels(
    classes: Mapping[str, Words], title: str, height: float, draw: Callable[[Axes, Words], None]
) -> Figure:
    """Return a figure with a panel for each class, at most six in a row, filled by `draw`."""
    columns = min(6, math.ceil(math.sqrt(1.8 * len(classes))))
    lines = math.ceil(len(classes) / columns)
    figure = Figure(figsize=(2.7 * columns, 0.5 + height * lines), layout="constrained")
    figure.suptitle(title, fontsize=13)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(classes) :]:
        axes.set_visible(False)
    for axes, (name, words) in zip(grid.flat, classes.items(), strict=False):
        if words:
            draw(axes, words)
        else:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no words", ha="center", va="center", color=_INK)
        axes.set_title(short(name, 28), fontsize=11, fontweight="bold", loc="left")
    return figure
