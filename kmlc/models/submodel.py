"""A model as a layer of another model."""

from typing import Any

import keras
from keras import layers


class Submodel(layers.Layer):
    """Calls a model, with `inference` always in inference mode: no dropout, fixed batch statistics.

    In Keras 3.15 a functional model passes its own `training` to every layer and overrides a `training=False`
    that was given when the layer was called, so it has to be set inside the layer's `call`.

    Args:
        model: the model.
        inference: whether the model stays in inference mode; its weights may still be trained.
        name: name of the layer.
    """

    def __init__(self, model: keras.Model, inference: bool, name: str) -> None:
        # No autocast of the inputs: pixels would lose precision in 16 bits.
        super().__init__(name=name, autocast=False)
        self.model, self.inference = model, inference

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Return the output of the model."""
        return self.model(inputs, training=False if self.inference else training)

    def compute_output_spec(
        self, inputs: keras.KerasTensor, training: bool | None = None
    ) -> keras.KerasTensor:
        """Return the shape and dtype of the output; tracing the model again, as Keras does, takes seconds."""
        output = self.model.output
        # A BERT's output has no fixed length; with these inputs it has one.
        if None in output.shape[1:]:
            return super().compute_output_spec(inputs, training=training)
        return keras.KerasTensor(output.shape, output.dtype)


def constants(model: keras.Model) -> list[Any]:
    """Return the variables of a model that no training changes: the frozen ones in inference mode."""
    found: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, Submodel):
            found += layer.non_trainable_variables if layer.inference else constants(layer.model)
    return found
