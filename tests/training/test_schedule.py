import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.config import Config, TrainConfig
from kmlc.data.labels import Vocabulary
from kmlc.tasks.registry import task_of
from kmlc.training.schedule import NOTHING, best_epoch, learning_rate, monitored, should_stop

FIGURE = "val_micro_f1"


def epochs(*metrics: float) -> list[dict[str, float]]:
    return [{FIGURE: metric} for metric in metrics]


def test_the_first_of_equal_epochs_is_the_best() -> None:
    assert best_epoch(epochs(0.1, 0.7, 0.7, 0.2), FIGURE) == 1


@pytest.mark.parametrize(
    ("monitor", "metric", "best", "stops"),
    [("objective", FIGURE, 1, True), ("loss", "val_loss", 3, False), ("nothing", NOTHING, 4, False)],
)
def test_what_picks_the_best_epoch(monitor: str, metric: str, best: int, stops: bool) -> None:
    """The highest objective, the lowest loss, or the last epoch, which always is the newest best one."""
    config = Config(train=TrainConfig(monitor=monitor))  # type: ignore[arg-type]
    task = task_of(config, Vocabulary(("1", "3"), ("1", "3"), " "))
    assert monitored(config, task) == metric
    scores, losses = (0.5, 0.9, 0.6, 0.7, 0.8), (0.9, 0.5, 0.4, 0.3, 0.3)
    history = [{FIGURE: score, "val_loss": loss} for score, loss in zip(scores, losses, strict=True)]
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
def test_should_stop(metrics: tuple[float, ...], patience: int, stops: bool) -> None:
    assert should_stop(epochs(*metrics), FIGURE, patience) == stops


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), max_size=12), st.integers(1, 3))
def test_learning_rate_is_that_of_keras(losses: list[float], patience: int) -> None:
    """The rate follows Keras's ReduceLROnPlateau."""

    class Model:
        optimizer = keras.optimizers.SGD(0.01)

    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=patience, min_delta=0.0)
    model = Model()
    model.optimizer.learning_rate = 0.01
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
    config = TrainConfig(learning_rate=0.01, plateau_patience=patience, plateau_factor=0.5)
    ours = learning_rate([{"val_loss": loss} for loss in losses], config)
    np.testing.assert_allclose(ours, float(model.optimizer.learning_rate), rtol=1e-6)


def test_learning_rate_without_a_plateau_rule() -> None:
    assert learning_rate([{"val_loss": 1.0}] * 9, TrainConfig(learning_rate=0.01, plateau_patience=0)) == 0.01
