import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.lines import Line2D

from kmlc.plotting import BLUE, ORANGE
from kmlc.reports.grid_plots import main_effects, model_comparison, parallel_coordinates
from kmlc.reports.grid_trials import Trial
from kmlc.tuning.grid import Grid, Range

GRID = Grid("g", "G", "mlp", {"loss.name": ["focal", "bce"], "train.batch_size": [50, 30, 4]})


def trial(values: dict[str, object], **metrics: float) -> Trial:
    return Trial(values, {}, pd.DataFrame([metrics]))


TRIALS = [
    trial({"loss.name": loss, "train.batch_size": batch}, micro_f1=score)
    for (loss, batch), score in zip(
        itertools.product(["focal", "bce"], [50, 30, 4]), [0.1, 0.2, 0.6, 0.5, 0.4, 0.9], strict=True
    )
]


def points(line: Line2D) -> tuple[list[float], list[float]]:
    """Return where a line's points lie, x and y."""
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
    # Only numbers are joined by a line.
    assert means.get_linestyle() == "None"
    means = batches.lines[1]
    assert points(means)[1] == pytest.approx([0.75, 0.3, 0.3])
    assert means.get_linestyle() == "-"
    assert [text.get_text() for text in batches.texts] == ["0.7500", "0.3000", "0.3000"]
    assert losses.get_ylim() == batches.get_ylim()


def test_a_setting_with_a_single_value_has_no_panel() -> None:
    (axes,) = main_effects(GRID, TRIALS[:3]).axes
    assert axes.get_xlabel() == "batch_size"


def test_a_range_is_a_scatter() -> None:
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
    best, other = drawn(parallel_coordinates(grid, trials).axes[0])
    np.testing.assert_allclose(best, [1, 1, 1])
    np.testing.assert_allclose(other, [0.25, 0.25, 0])


def drawn(axes: Axes) -> list[list[float]]:
    """Return the heights of the trials' lines, the best trial's first."""
    return [points(line)[1] for line in axes.lines if line.get_marker() == "o"]


def test_parallel_coordinates_tell_every_trial_apart() -> None:
    axes, bar = parallel_coordinates(GRID, TRIALS).axes
    assert ticks(axes) == ["loss", "batch_size", "micro F1"]
    lines = drawn(axes)
    assert len(lines) == 6
    # Ordered by the objective, which is drawn on a scale from 0 for the worst to 1 for the best.
    np.testing.assert_allclose([line[-1] for line in lines], [1, 0.625, 0.5, 0.375, 0.125, 0])
    for place in range(3):
        assert len({round(line[place], 6) for line in lines}) == 6
    # Each value keeps its band: 0.12 up and down of 0.12 and 0.88, better trials higher.
    np.testing.assert_allclose([line[0] for line in lines], [1, 0.24, 0.88, 0.76, 0.12, 0], atol=1e-12)
    widths = [line.get_linewidth() for line in axes.lines if line.get_marker() == "o"]
    assert widths[0] > 2 * max(widths[1:])
    assert bar.get_ylabel() == "micro F1"


def test_the_best_is_the_lowest_loss() -> None:
    grid = Grid("g", "G", "mlp", {"seed": [1, 2]}, objective="val_loss")
    trials = [trial({"seed": 1}, val_loss=0.9), trial({"seed": 2}, val_loss=0.1)]
    metric = parallel_coordinates(grid, trials)
    np.testing.assert_allclose([line[-1] for line in drawn(metric.axes[0])], [0, 1])
    assert "seed 2" in metric.get_suptitle()
    # The best is the darkest in both directions.
    best, other = (line.get_color() for line in metric.axes[0].lines if line.get_marker() == "o")
    assert sum(to_rgba(best)[:3]) < sum(to_rgba(other)[:3])


def test_equal_metrics_are_drawn() -> None:
    grid = Grid("g", "G", "mlp", {"seed": [1, 2]})
    trials = [trial({"seed": seed}, micro_f1=0.5) for seed in (1, 2)]
    np.testing.assert_allclose([line[-1] for line in drawn(parallel_coordinates(grid, trials).axes[0])], 0.5)
    low, high = main_effects(grid, trials).axes[0].get_ylim()
    assert low < 0.5 < high


def test_models_over_epochs_ours_and_published() -> None:
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
        Trial({"model": "cnn2", "train.epochs": 1}, {"batch_macro_f1": 0.6}, pd.DataFrame()),
        trial({"model": "cnn2", "train.epochs": 2}, **metrics, batch_macro_f1=0.3),
    ]
    metric = model_comparison(grid, trials)
    assert [axes.get_title() for axes in metric.axes] == ["train loss", "val loss", "batch macro F1"]
    lines = [
        (to_hex(line.get_color()), line.get_linestyle(), *points(line))
        for line in metric.axes[2].lines
        if points(line)[0]
    ]
    assert lines == [
        (BLUE.lower(), "-", [1, 2], [0.1, 0.2]),
        (ORANGE.lower(), "-", [2], [0.3]),
        (ORANGE.lower(), "--", [1], [0.6]),
    ]
    (legend,) = metric.legends
    assert [text.get_text() for text in legend.get_texts()] == ["vgg16", "cnn2", "ours", "published"]


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_metric_at_its_bound(score: float) -> None:
    trials = [trial({"loss.name": "bce", "train.batch_size": batch}, micro_f1=score) for batch in (30, 50)]
    low, high = main_effects(GRID, trials).axes[0].get_ylim()
    assert low < score < high
