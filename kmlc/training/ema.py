"""The exponential moving average (EMA) of the weights: kept while training, lent to validation and saving."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops


class EMAAdamW(keras.optimizers.AdamW):
    """AdamW that also keeps an exponential moving average of the weights that it trains.

    After update t (from 0) of the weights w, `average = m·average + (1-m)·w` with
    `m = min(momentum, t / (t + 9))`. The average begins as the weights after the first update, and the rising
    momentum keeps early weights from lingering in it: until the momentum is reached, the weights in it are a
    tenth of the updates old on average. From the second update on this is the warm-up of TensorFlow's
    `ExponentialMovingAverage`, `(1 + n) / (10 + n)` with n from 0.

    Only a change of the weights counts: the average rests while gradients are accumulated, and in a step that
    loss scaling skips. The averages are variables of the optimizer, and are saved with it. Keras's own
    `use_ema` moves while gradients are accumulated, has no warm-up, and ends a fit with the average in the
    model.

    Args:
        momentum: the highest momentum of the average, 0 to 1, such as 0.999.
        learning_rate: as AdamW's.
        **arguments: the other arguments of AdamW.

    Attributes:
        averages: once built, the average of each trainable weight, in their order.

    Example:
        model.compile(EMAAdamW(0.999, learning_rate=0.001), loss)
    """

    def __init__(self, momentum: float, learning_rate: float = 0.001, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self.momentum = momentum

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the variables of AdamW and the averages."""
        super().build(variables)
        self.averages = self.add_optimizer_variables(variables, "average")

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Update the weights with the gradients, and the averages with the weights."""
        before = ops.cast(self.iterations, "float32")
        super().apply(grads, trainable_variables)
        updates = ops.cast(self.iterations, "float32") - before  # 0 while gradients are accumulated, else 1
        rate = updates * (1 - ops.minimum(self.momentum, before / (before + 9)))
        for average, weight in zip(self.averages, self._trainable_variables, strict=True):
            self.assign_add(average, rate * (weight - average))


@contextmanager
def ema_weights(model: keras.Model) -> Iterator[None]:
    """Lend a model the average of its weights, and give it its own back, bit for bit.

    Trainable weights alone have an average; all others, such as BatchNorm's moving statistics, stay as they
    are. A model that has no average keeps its weights: one that was not compiled with `EMAAdamW`, or
    whose weights were not updated yet.

    Args:
        model: a compiled model.

    Example:
        with ema_weights(model):
            save_weights(path, model)
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # float16 wraps it in another
    if not isinstance(optimizer, EMAAdamW) or not ops.convert_to_numpy(optimizer.iterations):
        yield
        return
    own = [np.array(ops.convert_to_numpy(weight)) for weight in model.trainable_variables]
    _assign(model, optimizer.averages)
    try:
        yield
    finally:
        _assign(model, own)


def _assign(model: keras.Model, values: list[Any]) -> None:
    for weight, value in zip(model.trainable_variables, values, strict=True):
        weight.assign(value)
