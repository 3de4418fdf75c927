"""Sparse embeddings: the terms of a caption, and the dense layer that reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
from keras import layers, ops


@dataclass(frozen=True)
class Terms:
    """An embedding whose values are 0 but at few places.

    Attributes:
        ids: the places, int32 (batch, n); a place that is there twice has the sum of both weights.
        weights: the values there, float (batch, n); 0 at unused places.
        width: number of values, those that are 0 included.
    """

    ids: keras.KerasTensor
    weights: keras.KerasTensor
    width: int


Embedding: TypeAlias = keras.KerasTensor | Terms
"""What a branch computes of a modality: float (batch, width), or sparse."""


class TermsDense(layers.Layer):
    """A dense layer over terms: the rows of its kernel at the ids, weighted and summed.

    It equals a `Dense` over all values, zeros included, and so does its gradient. Its largest tensor has
    batch · n · units values.

    Args:
        width: number of values, zeros included.
        units: width of the output.
        activation: as in `Dense`.
        kernel_initializer: as in `Dense`.
        kernel_regularizer: as in `Dense`.

    Call arguments:
        inputs: ids and weights, both (batch, n), and then, if it is a dense layer over the concatenation with
            another embedding, that, (batch, m).
    """

    def __init__(
        self,
        width: int,
        units: int,
        activation: str | None = None,
        kernel_initializer: str = "glorot_uniform",
        kernel_regularizer: keras.regularizers.Regularizer | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.width, self.units = width, units
        self.activation = keras.activations.get(activation)
        self.kernel_initializer, self.kernel_regularizer = kernel_initializer, kernel_regularizer

    def build(self, input_shape: Sequence[tuple[Any, ...]]) -> None:
        """Add the weights, with the initial values of a `Dense` for each kernel."""
        self.kernel = self._add_kernel("kernel", self.width)
        self.rest_kernels = [self._add_kernel("rest_kernel", shape[-1]) for shape in input_shape[2:]]
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def _add_kernel(self, name: str, width: int) -> keras.Variable:
        shape, initializer = (width, self.units), self.kernel_initializer
        return self.add_weight(shape, initializer, regularizer=self.kernel_regularizer, name=name)

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Return the outputs, float (batch, units)."""
        ids, weights, *rest = inputs
        # TensorFlow's gradient of rows that are taken is sparse, and Adam would square its values before it
        # adds up those of the same term; that of a reshape is dense.
        kernel = ops.reshape(self.kernel, (self.width, self.units))
        rows = ops.take(kernel, ids, axis=0)
        x = ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), rows), 1) + self.bias
        for embedding, rest_kernel in zip(rest, self.rest_kernels, strict=True):
            x += ops.matmul(embedding, rest_kernel)
        return self.activation(x)

    def compute_output_shape(self, input_shape: Sequence[tuple[Any, ...]]) -> tuple[Any, int]:
        """Return (batch, units)."""
        return input_shape[0][0], self.units
