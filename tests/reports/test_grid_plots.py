import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from kmlc.plotting import BLUE, ORANGE
from kmlc.reports.grid_plots import main_effects, model_comparison
from kmlc.reports.grid_trials import ReportedTrial
from kmlc.tuning.grid import Grid, Range

GRID = Grid("g", "G", "mlp", {"loss.name": ["focal", "bce"], "train.batch_size": [50, 30, 4]})


def trial(values: dict[str, object], **metrics: float) -> ReportedTrial:
    return ReportedTrial(values, {}, pd.DataFrame([metrics]))


TRIALS = [
    trial({"loss.name": loss, "train.batch_size": batch}, micro_f1=score)
    for (loss, batch), score in zip(
        itertools.product(["focal", "bce"], [50, 30, 4]), [0.1, 0.2, 0.6, 0.5, 0.4, 0.9], strict=True
    )
]


def points(line: Line2D) -> tuple[list[float], list[float]]:
    """Return the x and y coordinates of a line's points."""
    x, y = (np.asarray(each, float).tolist() for each in line.get_data())
    return x, y


def ticks(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def test_main_effects_are_means_over_the_other_settings() -> None:
    losses, batches = main_effects(GRID, TRIALS).axes
    assert (losses.get_xlabel(), batches.get_xlabel(), losses.get_ylabel()) == (
        "loss",
        "batch_size",
        "micro F1",
    )
    assert (ticks(losses), ticks(batches)) == (["focal", "bce"], ["4", "30", "50"])
    dots, means = losses.lines
    assert list(zip(*points(dots), strict=True)) == [
        (0, 0.1),
        (0, 0.2),
        (0, 0.6),
        (1, 0.5),
        (1, 0.4),
        (1, 0.9),
    ]
    assert points(means)[1] == pytest.approx([0.3, 0.6])
    # Only numeric values are connected by a line.
    assert means.get_linestyle() == "None"
    means = batches.lines[1]
    assert points(means)[1] == pytest.approx([0.75, 0.3, 0.3])
    assert means.get_linestyle() == "-"
    assert [text.get_text() for text in batches.texts] == ["0.7500", "0.3000", "0.3000"]
    assert losses.get_ylim() == batches.get_ylim()


def test_a_setting_with_a_single_value_has_no_panel() -> None:
    (axes,) = main_effects(GRID, TRIALS[:3]).axes
    assert axes.get_xlabel() == "batch_size"


def test_a_range_is_drawn_as_a_scatter_plot() -> None:
    grid = Grid(
        "g", "G", "mlp", {"train.learning_rate": Range(1e-5, 1e-1, log=True), "loss.gamma": Range(0, 4)}
    )
    trials = [
        trial({"train.learning_rate": 1e-4, "loss.gamma": 1.0}, micro_f1=0.5),
        trial({"train.learning_rate": 1e-1, "loss.gamma": 4.0}, micro_f1=0.7),
    ]
    rates, gammas = main_effects(grid, trials).axes
    assert (rates.get_xscale(), gammas.get_xscale()) == ("log", "linear")
    assert points(rates.lines[0]) == ([1e-4, 1e-1], [0.5, 0.7])


def test_a_logarithmic_axis_has_no_labels_between_the_powers_of_ten() -> None:
    """Those of minor ticks overprinted each other."""
    grid = Grid("g", "G", "mlp", {"train.learning_rate": Range(1e-4, 1e-2, log=True)})
    rates = [1e-4, 5e-4, 8e-3]
    figure = main_effects(grid, [trial({"train.learning_rate": rate}, micro_f1=rate) for rate in rates])
    figure.canvas.draw()
    axis = figure.axes[0].xaxis
    assert [label.get_text() for label in axis.get_minorticklabels() if label.get_text()] == []
    assert {"0.0001", "0.001"} <= set(ticks(figure.axes[0]))


def test_equal_objectives_are_inside_the_axis() -> None:
    grid = Grid("g", "G", "mlp", {"seed": [1, 2]})
    trials = [trial({"seed": seed}, micro_f1=0.5) for seed in (1, 2)]
    low, high = main_effects(grid, trials).axes[0].get_ylim()
    assert low < 0.5 < high


def test_models_over_epochs_show_ours_and_published() -> None:
    grid = Grid(
        "g",
        "G",
        "mlp",
        {"model": ["vgg16", "cnn2"], "train.epochs": [1, 2]},
        objective="batch_macro_f1",
        published=[{"model": "cnn2", "train.epochs": 1, "batch_macro_f1": 0.6}],
    )
    metrics = {"train_loss": 0.3, "val_loss": 0.4}
    trials = [
        trial({"model": "vgg16", "train.epochs": 2}, **metrics, batch_macro_f1=0.2),
        trial({"model": "vgg16", "train.epochs": 1}, **metrics, batch_macro_f1=0.1),
        ReportedTrial({"model": "cnn2", "train.epochs": 1}, {"batch_macro_f1": 0.6}, pd.DataFrame()),
        trial({"model": "cnn2", "train.epochs": 2}, **metrics, batch_macro_f1=0.3),
    ]
    figure = model_comparison(grid, trials)
    assert [axes.get_title() for axes in figure.axes] == ["train loss", "val loss", "batch macro F1"]
    lines = [
        (to_hex(line.get_color()), line.get_linestyle(), *points(line))
        for line in figure.axes[2].lines
        if points(line)[0]
    ]
    assert lines == [
        (BLUE.lower(), "-", [1, 2], [0.1, 0.2]),
        (ORANGE.lower(), "-", [2], [0.3]),
        (ORANGE.lower(), "--", [1], [0.6]),
    ]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["vgg16", "cnn2", "ours", "published"]


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_the_axis_has_room_around_a_metric_at_its_bound(score: float) -> None:
    trials = [trial({"loss.name": "bce", "train.batch_size": batch}, micro_f1=score) for batch in (30, 50)]
    low, high = main_effects(GRID, trials).axes[0].get_ylim()
    assert low < score < high
