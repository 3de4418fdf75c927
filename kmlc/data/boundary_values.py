"""Values at the boundary of a model, which replace the inputs that they are computed from.

The frozen layers before the boundary (`kmlc.models.boundary`) are a function here, or an array of results.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

Inputs = dict[str, tf.Tensor]
"""A batch of inputs by name."""


@dataclass(frozen=True)
class StoredValues:
    """Values that were computed before.

    Attributes:
        modality: image or caption.
        name: the input of the trained model.
        values: of shape (rows of the store, *shape), in memory or memory-mapped.
        places: where the values of each row are, int64 (views, rows + 1); the last column is for rows without
            the modality.
    """

    modality: str
    name: str
    values: np.ndarray
    places: np.ndarray

    def place(self, rows: np.ndarray, present: np.ndarray, views: np.ndarray | int) -> np.ndarray:
        """Return where the values of a batch of rows are, some of which may lack the modality."""
        return np.where(present, self.places[views, rows], self.places[0, -1])

    def replace(self, inputs: Inputs) -> Inputs:
        """Return a batch with the values in the stead of their places, which have the modality's name."""
        values = tf.numpy_function(
            lambda places: self.values[places],
            [inputs[self.modality]],
            self.values.dtype,
            stateful=False,
        )
        return _replaced(inputs, [self.modality], self.name, values, self.values.shape[1:])


@dataclass(frozen=True)
class ComputedValues:
    """Values that are computed anew for each batch.

    Attributes:
        modality: image or caption.
        name: the input of the trained model.
        inputs: the names of what they are computed from.
        compute: from these inputs by name to the values, (rows, *shape).
        shape: of the values of a row.
        dtype: of the values.
    """

    modality: str
    name: str
    inputs: Sequence[str]
    compute: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    shape: Sequence[int]
    dtype: np.dtype

    def replace(self, inputs: Inputs) -> Inputs:
        """Return a batch with the values in the stead of what they are computed from."""
        values = tf.numpy_function(
            lambda *arrays: self.compute(dict(zip(self.inputs, arrays, strict=True))),
            [inputs[name] for name in self.inputs],
            self.dtype,
            stateful=False,
        )
        return _replaced(inputs, self.inputs, self.name, values, self.shape)


BoundaryValues = Mapping[str, StoredValues | ComputedValues]
"""The values of the rows of one split by modality; a modality without frozen layers has none."""


def _replaced(
    inputs: Inputs, names: Sequence[str], name: str, values: tf.Tensor, shape: Sequence[int]
) -> Inputs:
    values = tf.ensure_shape(values, (None, *shape))
    return {key: value for key, value in inputs.items() if key not in names} | {name: values}
