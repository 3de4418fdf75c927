"""AdamW whose update is one operation on the TensorFlow backend."""

from typing import Any

import keras
import tensorflow as tf


class FusedAdamW(keras.optimizers.AdamW):
    """Keras's AdamW, up to rounding; on the TensorFlow backend one operation updates a weight.

    Keras reads and writes a weight and its moments in ten. Without weight decay it also subtracts zeros from
    all weights, which is skipped here. The weights of an embedding are updated by Keras.
    """

    def __init__(self, learning_rate: float = 0.001, weight_decay: float = 0.004, **arguments: Any) -> None:
        super().__init__(learning_rate, weight_decay, **arguments)
        self.weight_decay = weight_decay or None

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        """Update all weights; what their updates share is computed once, not traced for each of them."""
        self._shared: dict[tf.DType, dict[str, tf.Tensor]] = {}
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a weight and its moments."""
        # Keras squares the gradients of an embedding before it adds up those of the same token.
        if keras.backend.backend() != "tensorflow" or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype, index = variable.dtype, self._get_variable_index(variable)
        if dtype not in self._shared:
            self._shared[dtype] = self._numbers(learning_rate, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            grad=tf.cast(gradient, dtype),
            **self._shared[dtype],
        )

    def _numbers(self, learning_rate: Any, dtype: tf.DType) -> dict[str, tf.Tensor]:
        """Return the numbers of an update, the same for all weights of a dtype."""
        update = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        return {
            "beta1_power": beta_1**update,
            "beta2_power": beta_2**update,
            "lr": tf.cast(learning_rate, dtype),
            "beta1": beta_1,
            "beta2": beta_2,
            "epsilon": tf.cast(self.epsilon, dtype),
        }
