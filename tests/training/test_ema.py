"""EMA weights against their recurrence in NumPy."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kmlc.training.adamw import FusedAdamW
from kmlc.training.checkpoint import load_state, load_weights, save_state, save_weights
from kmlc.training.ema import EMAAdamW, ema_weights

INPUTS = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
TARGETS = np.ones((8, 1), np.float32)


def compiled(momentum: float, policy: str = "float32", accumulation: int = 1) -> keras.Model:
    """A model with dropout and BatchNorm; its optimizer has EMA weights."""
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((4,))
        x = keras.layers.BatchNormalization()(keras.layers.Dense(5)(inputs))
        x = keras.layers.Dropout(0.5)(x)
        model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(x))
        steps = accumulation if accumulation > 1 else None
        optimizer = EMAAdamW(momentum, learning_rate=0.05, gradient_accumulation_steps=steps)
        model.compile(optimizer, "mse", jit_compile=False)
    finally:
        keras.config.set_dtype_policy("float32")
    return model


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def ema_of(model: keras.Model) -> list[np.ndarray]:
    with ema_weights(model):
        return values(model.trainable_variables)


def recurrence(weights: list[list[np.ndarray]], momentum: float) -> list[np.ndarray]:
    """The EMA of each weight, in float64, given the weights after each update."""
    average = [np.zeros_like(weight, np.float64) for weight in weights[0]]
    for update, after in enumerate(weights):
        m = min(momentum, update / (update + 9))
        average = [m * mean + (1 - m) * weight for mean, weight in zip(average, after, strict=True)]
    return average


def assert_close(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("momentum", "accumulation", "policy"),
    [(0.25, 1, "float32"), (0.999, 3, "float32"), (0.999, 1, "mixed_float16"), (0.25, 3, "mixed_float16")],
)
def test_ema_weights_follow_the_recurrence(momentum: float, accumulation: int, policy: str) -> None:
    """One step of it for each change of the weights; momentum 0.25 is reached at the fourth.

    Loss scaling skips float16's first steps, until its scale is low enough.
    """
    model = compiled(momentum, policy, accumulation)
    weights = [values(model.trainable_variables)]
    for _ in range(8 * accumulation):
        model.train_on_batch(INPUTS, TARGETS)
        now = values(model.trainable_variables)
        if not np.array_equal(now[0], weights[-1][0]):
            weights.append(now)
            assert_close(ema_of(model), recurrence(weights[1:], momentum))
    assert len(weights) - 1 == (8 if policy == "float32" else int(model.optimizer.iterations)) > 5


def test_ema_weights_start_as_the_weights_after_the_first_update() -> None:
    model = compiled(0.999)
    model.train_on_batch(INPUTS, TARGETS)
    assert_equal(ema_of(model), values(model.trainable_variables))


def test_accumulation_steps_keep_ema_weights() -> None:
    model = compiled(0.999, accumulation=2)
    for _ in range(4):
        model.train_on_batch(INPUTS, TARGETS)
    before = ema_of(model)
    model.train_on_batch(INPUTS, TARGETS)
    assert_equal(ema_of(model), before)


def test_steps_skipped_by_loss_scaling_keep_ema_weights() -> None:
    model = compiled(0.999, "mixed_float16")
    for _ in range(3):
        model.train_on_batch(INPUTS, TARGETS)
    before, scale = ema_of(model), float(model.optimizer.dynamic_scale)
    model.train_on_batch(INPUTS, np.full_like(TARGETS, np.inf))
    assert float(model.optimizer.dynamic_scale) == scale / 2
    assert_equal(ema_of(model), before)


def test_ema_does_not_change_adamw_updates() -> None:
    ours, theirs = compiled(0.999), compiled(0.999)
    theirs.compile(FusedAdamW(0.05), "mse", jit_compile=False)
    for variable, value in zip(theirs.variables, values(ours.variables), strict=True):
        variable.assign(value)
    for _ in range(5):
        assert ours.train_on_batch(INPUTS, TARGETS) == theirs.train_on_batch(INPUTS, TARGETS)
    assert_equal(values(ours.variables), values(theirs.variables))


def test_weights_come_back_bit_for_bit() -> None:
    model = compiled(0.999)
    for _ in range(5):
        model.train_on_batch(INPUTS, TARGETS)
    everything = [*model.variables, *model.optimizer.variables]
    before = values(everything)
    statistics = values(model.non_trainable_variables)

    def leave() -> None:
        with ema_weights(model):
            assert not np.array_equal(values(model.trainable_variables)[0], before[0])
            assert_equal(values(model.non_trainable_variables), statistics)
            model.predict(INPUTS, verbose=0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert_equal(values(everything), before)


def test_a_model_without_ema_weights_keeps_its_weights() -> None:
    """Another optimizer, or no update yet."""
    model = compiled(0.999, accumulation=2)
    model.train_on_batch(INPUTS, TARGETS)
    assert_equal(ema_of(model), values(model.trainable_variables))
    model.compile(keras.optimizers.AdamW(0.05), "mse")
    model.train_on_batch(INPUTS, TARGETS)
    assert_equal(ema_of(model), values(model.trainable_variables))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_restored_ema_weights_continue_the_same(tmp_path: Path, policy: str) -> None:
    model = compiled(0.999, policy, accumulation=2)
    for _ in range(5):
        model.train_on_batch(INPUTS, TARGETS)
    save_state(tmp_path / "state.npz", model, [])
    other = compiled(0.999, policy, accumulation=2)
    load_state(tmp_path / "state.npz", other)
    assert_equal(ema_of(other), ema_of(model))
    for _ in range(5):
        assert model.train_on_batch(INPUTS, TARGETS) == other.train_on_batch(INPUTS, TARGETS)
    assert_equal(ema_of(other), ema_of(model))
    assert_equal(values(other.trainable_variables), values(model.trainable_variables))


def test_ema_weights_are_saved(tmp_path: Path) -> None:
    model = compiled(0.999)
    for _ in range(5):
        model.train_on_batch(INPUTS, TARGETS)
    with ema_weights(model):
        save_weights(tmp_path / "best.weights.h5", model)
    other = compiled(0.999)
    load_weights(tmp_path / "best.weights.h5", other)
    assert_equal(values(other.trainable_variables), ema_of(model))


def test_fit_does_not_overwrite_weights_with_ema_weights() -> None:
    """Keras's own EMA overwrites them at the end of a fit."""
    model = compiled(0.999)
    model.fit(INPUTS, TARGETS, batch_size=2, verbose=0)
    assert not np.array_equal(ema_of(model)[0], values(model.trainable_variables)[0])
