"""A model as a layer of another one."""

import keras
from keras import layers


class Submodel(layers.Layer):
    """Calls a model; with `inference` as in prediction, even while what is around it is trained.

    In inference mode there is no dropout, and batch normalisation keeps its statistics. A functional model
    (Keras 3.15) hands its own `training` on to every layer, over a `training=False` that was given where the
    layer was called, so that saying it there has no effect.

    Args:
        model: the model.
        inference: whether it stays in inference mode. Its weights may still be trained.
        name: of the layer.
    """

    def __init__(self, model: keras.Model, inference: bool, name: str) -> None:
        # What it is called with goes to the model as it is: pixels would lose digits in 16 bits.
        super().__init__(name=name, autocast=False)
        self.model, self.inference = model, inference

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Return what the model makes of its inputs."""
        return self.model(inputs, training=False if self.inference else training)

    def compute_output_spec(
        self, inputs: keras.KerasTensor, training: bool | None = None
    ) -> keras.KerasTensor:
        """Return what the model says of its output; to trace it again, as Keras does, takes seconds."""
        output = self.model.output
        # A BERT takes captions of any length: here their length is known.
        if None in output.shape[1:]:
            return super().compute_output_spec(inputs, training=training)
        return keras.KerasTensor(output.shape, output.dtype)
