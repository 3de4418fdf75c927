"""The fused update against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmlc.training.adamw import FusedAdamW


def updated(
    kind: type[keras.optimizers.AdamW], weight_decay: float, accumulation: int | None
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


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere the update is Keras's")
@pytest.mark.parametrize(("weight_decay", "accumulation"), [(0.0, None), (0.1, None), (0.1, 2)])
def test_equals_the_adamw_of_keras(weight_decay: float, accumulation: int | None) -> None:
    ours = updated(FusedAdamW, weight_decay, accumulation)
    theirs = updated(keras.optimizers.AdamW, weight_decay, accumulation)
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere the update is Keras's")
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
