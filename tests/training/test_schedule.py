"""The factor of the learning rate at each update, against the formula."""

import math

import numpy as np
import pytest

from kmlc.config import TrainConfig
from kmlc.training.learning_rate import learning_rate
from kmlc.training.schedule import Schedule, schedule


def values(each: Schedule, updates: int) -> list[float]:
    return [float(each(update)) for update in range(updates)]


def test_warm_up_is_linear() -> None:
    np.testing.assert_allclose(values(Schedule(4), 6), [0.25, 0.5, 0.75, 1, 1, 1])
    np.testing.assert_allclose(values(Schedule(2.5), 4), [0.4, 0.8, 1, 1], rtol=1e-6)
    assert values(Schedule(0.5), 3) == [1, 1, 1]


@pytest.mark.parametrize("warmup", [0, 1, 2.5, 9])
def test_cosine_starts_after_the_warm_up_and_ends_at_0(warmup: float) -> None:
    expected = [
        min(1, (t + 1) / max(warmup, 1)) * (1 + math.cos(math.pi * max(0, t - warmup) / (10 - warmup))) / 2
        for t in range(11)
    ]
    np.testing.assert_allclose(values(Schedule(warmup, 10), 11), expected, rtol=1e-6, atol=1e-7)
    assert expected[10] == 0
    assert values(Schedule(warmup, 10), 13)[10:] == [0, 0, 0]


def test_the_schedule_counts_the_updates_of_the_settings() -> None:
    """11 rows are three batches of four, 1.5 updates where the gradients of two are accumulated."""
    config = TrainConfig(schedule="cosine", warmup=0.5, epochs=4, batch_size=4, accumulation=2)
    assert schedule(config, 11) == Schedule(0.75, 6)
    assert schedule(TrainConfig(warmup=2, batch_size=4), 11) == Schedule(6)
    assert schedule(TrainConfig(schedule="cosine", epochs=5, batch_size=4), 11) == Schedule(0, 15)
    assert schedule(TrainConfig(), 11) is None


def test_cosine_has_no_plateau() -> None:
    history = [{"val_loss": 1.0}] * 9
    assert learning_rate(history, TrainConfig(learning_rate=0.01, schedule="cosine")) == 0.01
    assert learning_rate(history, TrainConfig(learning_rate=0.01)) < 0.01
