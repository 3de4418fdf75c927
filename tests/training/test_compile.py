"""Steps that are trained in one call."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kmlc.data.boundary_values import ComputedValues, StoredValues
from kmlc.files import read_json
from kmlc.settings import config_from_flags
from kmlc.training import train as training
from kmlc.training.compile import steps_per_execution
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train
from tests.helpers import assert_same_history

STEPS = 55
"""Of an epoch: 1,100 training rows in batches of 20. 11 are trained in one call."""


def model(**shapes: tuple[int | None, ...]) -> keras.Model:
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    pooled = [
        keras.layers.Flatten()(each) if None not in each.shape[1:] else keras.ops.sum(each, axis=1)[:, None]
        for each in inputs.values()
    ]
    return keras.Model(inputs, keras.layers.Dense(100)(keras.layers.Concatenate()(pooled)))


@pytest.mark.parametrize(
    ("steps", "together"), [(49, 1), (50, 25), (150, 25), (55, 11), (251, 1), (262, 2), (200, 25), (1000, 25)]
)
def test_calls_end_with_the_epoch(steps: int, together: int) -> None:
    assert steps_per_execution(model(features=(10,)), 32, steps) == together


@pytest.mark.parametrize(
    ("shapes", "batch_size", "together"),
    [
        ({"features": (10,), "caption_present": (1,)}, 32, 25),
        ({"features": (10,)}, 200_000, 1),
        ({"features": (100_000,)}, 32, 1),
        ({"image": (8, 8, 3)}, 32, 1),
        ({"token_ids": (None,), "features": (10,)}, 32, 1),
    ],
)
def test_slow_steps_are_trained_one_by_one(
    shapes: dict[str, tuple[int | None, ...]], batch_size: int, together: int
) -> None:
    assert steps_per_execution(model(**shapes), batch_size, 100) == together


def test_steps_that_compute_frozen_layers_are_trained_one_by_one() -> None:
    """Where no cache held the values, 25 steps of a second were one call, which nothing could stop."""
    stored = StoredValues("image", "image_values", np.zeros((1, 10)), np.zeros((1, 1), np.int64))
    computed = ComputedValues(
        "image", "image_values", ["image"], lambda inputs: inputs["image"], (10,), np.dtype("float32")
    )
    small = model(image_values=(10,))
    assert steps_per_execution(small, 32, 100, {"image": stored}) == 25
    assert steps_per_execution(small, 32, 100, {"image": computed}) == 1


class Steps(keras.callbacks.Callback):
    """Notes the steps after which callbacks run; stops as Ctrl-C would, or makes the weights NaN."""

    def __init__(self, stop: int = 0, diverge: int = 0) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.stop, self.diverge = stop, diverge

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.seen.append(batch + 1)
        if len(self.seen) == self.stop:
            raise KeyboardInterrupt
        if len(self.seen) == self.diverge:
            for weight in self.model.trainable_weights:
                weight.assign(np.full(weight.shape, np.nan))


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    rows = random.normal(size=(1375, 6)).astype(np.float32)
    path = tmp_path_factory.mktemp("features") / "rows.npz"
    np.savez(path, X=rows, y=(rows[:, :3] + random.normal(size=(1375, 3)) > 0).astype(np.uint8))
    return path


def trained(features: Path, run: Path, steps: Steps, resume: bool = False) -> RunDirectory:
    flags = ["--model=mlp", f"--data={features}", f"--run={run}", "--train.epochs=3", "--train.batch_size=20"]
    # Every state that steps change: accumulated gradients, EMA weights, seeds of the dropout.
    state = ["--train.accumulation=2", "--train.ema=0.9", "--split.method=random"]
    return train(config_from_flags([*flags, *state]), resume=run if resume else None, callbacks=[steps])


@pytest.mark.slow
def test_steps_of_one_call_give_the_same_weights_and_so_does_a_resumed_run(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, alone = Steps(), Steps()
    run = trained(features, tmp_path / "together", together)
    with pytest.raises(KeyboardInterrupt):
        trained(features, tmp_path / "stopped", Steps(stop=8))
    resumed = trained(features, tmp_path / "stopped", Steps(), resume=True)
    monkeypatch.setattr(training, "steps_per_execution", lambda *arguments: 1)
    single = trained(features, tmp_path / "alone", alone)
    assert together.seen == [11, 22, 33, 44, 55] * 3
    assert alone.seen == [*range(1, STEPS + 1)] * 3
    for other in (resumed, single):
        assert_same_history(run.path, other.path)
        with np.load(run.logits) as one, np.load(other.logits) as two:
            for name in one.files:
                np.testing.assert_array_equal(one[name], two[name])


def test_a_loss_that_is_not_finite_ends_the_run_with_the_call(features: Path, tmp_path: Path) -> None:
    steps = Steps(diverge=7)
    run = trained(features, tmp_path / "run", steps)
    assert read_json(run.metrics)["diverged"] == "loss became NaN at step 33 in epoch 2"
    assert steps.seen == [11, 22, 33, 44, 55, 11, 22]
