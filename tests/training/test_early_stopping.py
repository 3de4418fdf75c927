import math

import pytest

from kmlc.config import Config, TrainConfig
from kmlc.data.labels import Vocabulary
from kmlc.tasks.registry import task_of
from kmlc.training.early_stopping import NO_METRIC, best_epoch, monitored, should_stop

METRIC = "val_micro_f1"


def epochs(*metrics: float) -> list[dict[str, float]]:
    return [{METRIC: metric} for metric in metrics]


def test_ties_go_to_the_earliest_epoch() -> None:
    assert best_epoch(epochs(0.1, 0.7, 0.7, 0.2), METRIC) == 1


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("val_loss", (math.nan, 0.5, 0.4), 2),
        ("val_loss", (0.5, math.nan), 0),
        (METRIC, (math.nan, 0.5, 0.4), 1),
        (METRIC, (0.5, math.nan), 0),
        (METRIC, (math.nan, math.nan), 0),
    ],
)
def test_a_nan_is_never_the_best(metric: str, values: tuple[float, ...], best: int) -> None:
    """Of a first epoch with a NaN, no later one was better."""
    history = [{metric: value} for value in values]
    assert best_epoch(history, metric) == best
    assert should_stop(history, metric, 2) == (best == 0 and len(values) == 3)


@pytest.mark.parametrize(
    ("monitor", "metric", "best", "stops"),
    [("objective", METRIC, 1, True), ("loss", "val_loss", 3, False), ("none", NO_METRIC, 4, False)],
)
def test_monitor_picks_the_best_epoch(monitor: str, metric: str, best: int, stops: bool) -> None:
    """The highest objective, the lowest loss, or the last epoch."""
    config = Config(train=TrainConfig(monitor=monitor))  # type: ignore[arg-type]
    task = task_of(config, Vocabulary(("1", "3"), ("1", "3"), " "))
    assert monitored(config, task) == metric
    scores, losses = (0.5, 0.9, 0.6, 0.7, 0.8), (0.9, 0.5, 0.4, 0.3, 0.3)
    history = [{METRIC: score, "val_loss": loss} for score, loss in zip(scores, losses, strict=True)]
    assert best_epoch(history, metric) == best
    assert should_stop(history, metric, 3) == stops


@pytest.mark.parametrize(
    ("metrics", "patience", "stops"),
    [
        ((), 2, False),
        ((0.5,), 1, False),
        ((0.5, 0.5), 1, True),
        ((0.5, 0.4), 2, False),
        ((0.5, 0.4, 0.3), 2, True),
        ((0.5, 0.4, 0.6), 2, False),
        ((0.5, 0.4, 0.3, 0.2), 0, False),
    ],
)
def test_stops_when_patience_is_exhausted(metrics: tuple[float, ...], patience: int, stops: bool) -> None:
    assert should_stop(epochs(*metrics), METRIC, patience) == stops
