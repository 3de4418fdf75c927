"""AdamW with a schedule and a rate for each weight, whose update is one operation on TensorFlow."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class FusedAdamW(keras.optimizers.AdamW):
    """Keras's AdamW, up to rounding; on the TensorFlow backend one operation updates a weight.

    Keras reads and writes a weight and its moments in ten. Without weight decay it also subtracts zeros from
    all weights, which is skipped here. The weights of an embedding are updated by Keras.

    The learning rate of a weight scales all of its update, weight decay too: `w -= rate·(decay·w + step)`. A
    scaled gradient would change nothing, because Adam divides it by its own size.

    Args:
        learning_rate: as in AdamW.
        weight_decay: as in AdamW; 0 is none.
        factors: the factor of the learning rate of each weight, in the order of `build`; none is 1 for all.
        schedule: from the number of an update, from 0, to a factor of the learning rate.
        **arguments: the other arguments of AdamW.

    Example:
        model.compile(FusedAdamW(0.001, factors=rate_factors(model, config)), loss)
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float = 0.004,
        factors: Sequence[float] = (),
        schedule: Callable[[Any], Any] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **arguments)
        self.weight_decay = weight_decay or None
        self.factors, self.schedule = tuple(factors), schedule

    def rate(self, update: Any) -> Any:
        """Return the learning rate of an update, from 0; that of its weights with the factor 1."""
        rate = super()._get_current_learning_rate()
        return rate if self.schedule is None else rate * self.schedule(update)

    def _get_current_learning_rate(self) -> Any:
        return self.rate(self.iterations)

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Do nothing: `update_step` decays each weight."""

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        """Update all weights; what their updates share is computed once, not traced for each of them."""
        self._shared: dict[tf.DType, dict[str, tf.Tensor]] = {}
        super()._backend_update_step(grads, trainable_variables, ops.convert_to_tensor(learning_rate))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a weight and its moments."""
        index = self._get_variable_index(variable)
        if self.factors and self.factors[index] != 1:
            learning_rate = learning_rate * self.factors[index]
        if self.weight_decay is not None:
            rate, decay = (ops.cast(each, variable.dtype) for each in (learning_rate, self.weight_decay))
            self.assign_sub(variable, variable * decay * rate)
        # Keras squares the gradients of an embedding before it adds up those of the same token.
        if keras.backend.backend() != "tensorflow" or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        if dtype not in self._shared:
            self._shared[dtype] = self._numbers(dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            lr=tf.cast(learning_rate, dtype),
            grad=tf.cast(gradient, dtype),
            **self._shared[dtype],
        )

    def _numbers(self, dtype: tf.DType) -> dict[str, tf.Tensor]:
        """Return the numbers of an update that all weights of a dtype share."""
        update = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        return {
            "beta1_power": beta_1**update,
            "beta2_power": beta_2**update,
            "beta1": beta_1,
            "beta2": beta_2,
            "epsilon": tf.cast(self.epsilon, dtype),
        }


def unwrapped(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer that updates the weights, which float16 wraps in another."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def last_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Return the learning rate of the last update."""
    inner = unwrapped(optimizer)
    if not isinstance(inner, FusedAdamW):
        return float(inner.learning_rate)
    return float(ops.convert_to_numpy(inner.rate(inner.iterations - 1)))
