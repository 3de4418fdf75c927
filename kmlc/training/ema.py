"""Exponential moving average (EMA) of the weights: updated in training, used to validate and to predict."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from kmlc.training.adamw import FusedAdamW, unwrapped


class EMAAdamW(FusedAdamW):
    """AdamW that also updates EMA weights.

    After update t (from 0) of the weights w, `ema = m·ema + (1-m)·w` with `m = min(momentum, t / (t + 9))`.
    The EMA weights start as the weights after the first update. The momentum rises, so that early weights
    fade: until `momentum` is reached, the mean age of the averaged weights is a tenth of the updates. From
    the second update on this is the warm-up of TensorFlow's `ExponentialMovingAverage`, `(1 + n) / (10 + n)`
    with n from 0.

    Only updates of the weights count: EMA weights stay the same while gradients are accumulated, and when
    loss scaling skips a step. They are variables of the optimizer, and saved with it. Keras's own `use_ema`
    counts accumulation steps, has no warm-up, and leaves the EMA weights in the model after a fit.

    Args:
        momentum: the highest momentum, 0 to 1, such as 0.999.
        learning_rate: as in AdamW.
        **arguments: the other arguments of AdamW.

    Attributes:
        ema: after `build`, the EMA weight of each trainable weight, in their order.

    Example:
        model.compile(EMAAdamW(0.999, learning_rate=0.001), loss)
    """

    def __init__(self, momentum: float, learning_rate: float = 0.001, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self.momentum = momentum

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the variables of AdamW and the EMA weights."""
        super().build(variables)
        self.ema = self.add_optimizer_variables(variables, "ema")

    def apply(self, grads: list[Any], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Update the weights with the gradients, then the EMA weights with the weights."""
        before = ops.cast(self.iterations, "float32")
        super().apply(grads, trainable_variables)
        updates = ops.cast(self.iterations, "float32") - before  # 0 while gradients are accumulated, else 1
        rate = updates * (1 - ops.minimum(self.momentum, before / (before + 9)))
        for ema, weight in zip(self.ema, self._trainable_variables, strict=True):
            self.assign_add(ema, rate * (weight - ema))


@contextmanager
def ema_weights(model: keras.Model) -> Iterator[None]:
    """Put the EMA weights into a model for the block, and its own weights back afterwards, bit for bit.

    Only trainable weights have EMA weights; all others, such as BatchNorm's moving statistics, stay as they
    are. So does a model without EMA weights: not compiled with `EMAAdamW`, or not updated yet.

    Args:
        model: a compiled model.

    Example:
        with ema_weights(model):
            save_weights(path, model)
    """
    optimizer = unwrapped(model.optimizer)
    if not isinstance(optimizer, EMAAdamW) or not ops.convert_to_numpy(optimizer.iterations):
        yield
        return
    own = [np.array(ops.convert_to_numpy(weight)) for weight in model.trainable_variables]
    _assign(model, optimizer.ema)
    try:
        yield
    finally:
        _assign(model, own)


def _assign(model: keras.Model, values: list[Any]) -> None:
    for weight, value in zip(model.trainable_variables, values, strict=True):
        weight.assign(value)
