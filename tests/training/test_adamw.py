"""The fused update against Keras's, and against AdamW in NumPy."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmlc.training.adamw import FusedAdamW, last_rate
from kmlc.training.ema import EMAAdamW
from kmlc.training.schedule import Schedule

ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="sparse gradients, the fused update, eager loss scaling"
)


def updated(
    kind: Callable[..., keras.optimizers.AdamW], weight_decay: float, accumulation: int | None
) -> list[np.ndarray]:
    """A kernel and an embedding after ten steps, then the variables of the optimizer."""
    random = np.random.default_rng(0)
    weights = [keras.Variable(random.normal(size=(5, 4)).astype(np.float32)) for _ in range(2)]
    optimizer = kind(0.01, weight_decay=weight_decay, gradient_accumulation_steps=accumulation)
    optimizer.build(weights)
    for _ in range(10):
        kernel, embedding = (
            keras.ops.convert_to_tensor(random.normal(size=size).astype(np.float32))
            for size in ((5, 4), (3, 4))
        )
        # Two of the three tokens are the same.
        gradients = [kernel, tf.IndexedSlices(embedding, tf.constant([1, 4, 1]), tf.constant([5, 4]))]
        optimizer.apply(gradients, weights)
    return [np.array(keras.ops.convert_to_numpy(each)) for each in [*weights, *optimizer.variables]]


@ON_TENSORFLOW
@pytest.mark.parametrize(("weight_decay", "accumulation"), [(0.0, None), (0.1, None), (0.1, 2)])
def test_equals_the_adamw_of_keras(weight_decay: float, accumulation: int | None) -> None:
    ours = updated(FusedAdamW, weight_decay, accumulation)
    theirs = updated(keras.optimizers.AdamW, weight_decay, accumulation)
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


@ON_TENSORFLOW
def test_what_all_weights_share_is_traced_once() -> None:
    """Each weight had sixteen operations of its own, a second of the first step of a model with a BERT."""
    weights = [keras.Variable(np.ones((2, 3), np.float32)) for _ in range(5)]
    optimizer = FusedAdamW(0.01, weight_decay=0)
    optimizer.build(weights)

    @tf.function
    def step() -> None:
        optimizer.apply([tf.ones((2, 3)) for _ in weights], weights)

    kinds = [operation.type for operation in step.get_concrete_function().graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == len(weights)
    assert kinds.count("Pow") == 2


def adamw(
    weight: np.ndarray, gradients: list[np.ndarray], rates: list[float], decay: float
) -> list[np.ndarray]:
    """AdamW (Loshchilov and Hutter, 2019) in float64, with Keras's epsilon: the weight after each update."""
    m, v, weights = np.zeros_like(weight), np.zeros_like(weight), []
    for update, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        step = np.sqrt(1 - 0.999**update) / (1 - 0.9**update) * m / (np.sqrt(v) + 1e-7)
        weight = weight - rate * decay * weight - rate * step
        weights.append(weight)
    return weights


@pytest.mark.parametrize(
    "kind", ["plain", "accumulation", "ema", pytest.param("loss scaling", marks=ON_TENSORFLOW)]
)
def test_each_weight_has_its_rate_at_each_update(kind: str) -> None:
    random = np.random.default_rng(0)
    factors, decay, updates = (1.0, 0.1, 0.25), 0.5, 6
    schedule = Schedule(warmup=3, updates=8)
    start = [random.normal(size=(5, 4)) for _ in factors]
    steps = 2 if kind == "accumulation" else 1
    gradients = [[random.normal(size=(5, 4)) for _ in range(updates * steps)] for _ in factors]
    weights = [keras.Variable(each.astype(np.float32)) for each in start]
    arguments: dict[str, Any] = {"weight_decay": decay, "factors": factors, "schedule": schedule}
    if kind == "accumulation":
        arguments["gradient_accumulation_steps"] = 2
    optimizer = EMAAdamW(0.5, 0.01, **arguments) if kind == "ema" else FusedAdamW(0.01, **arguments)
    outer = optimizer
    if kind == "loss scaling":
        outer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=4.0)
    outer.build(weights)
    after = []
    for step in range(updates * steps):
        scale = 4 if kind == "loss scaling" else 1
        tensors = [keras.ops.convert_to_tensor((scale * each[step]).astype(np.float32)) for each in gradients]
        if kind == "plain" and keras.backend.backend() == "tensorflow":  # as of an embedding
            tensors[2] = tf.IndexedSlices(tensors[2], tf.range(5), tf.constant([5, 4]))
        outer.apply(tensors, weights)
        after.append([np.array(keras.ops.convert_to_numpy(weight)) for weight in weights])
    curve = [min(1, (t + 1) / 3) * (1 + np.cos(np.pi * max(0, t - 3) / 5)) / 2 for t in range(updates)]
    for place, factor in enumerate(factors):
        means = [
            np.mean(gradients[place][steps * update : steps * (update + 1)], axis=0)
            for update in range(updates)
        ]
        expected = adamw(start[place], means, [0.01 * factor * each for each in curve], decay)
        ours = [each[place] for each in after[steps - 1 :: steps]]
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=2e-6)
    assert last_rate(outer) == pytest.approx(0.01 * curve[-1])
    if isinstance(optimizer, EMAAdamW):
        averages = after[0]
        for t, now in enumerate(after):
            m = min(0.5, t / (t + 9))
            averages = [m * old + (1 - m) * new for old, new in zip(averages, now, strict=True)]
        for ours, theirs in zip(optimizer.ema, averages, strict=True):
            np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), theirs, rtol=1e-5, atol=1e-6)


@ON_TENSORFLOW
def test_factors_of_1_change_no_bit() -> None:
    plain = updated(FusedAdamW, 0.1, None)
    ones = updated(partial(FusedAdamW, factors=(1.0, 1.0)), 0.1, None)
    for one, two in zip(plain, ones, strict=True):
        np.testing.assert_array_equal(one, two)
