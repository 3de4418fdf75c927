"""Fusions: how the image vector and the caption vector become logits. A new one is a line in `FUSIONS`."""

from collections.abc import Callable

import keras
from keras import layers

from kmlc.config import FusionConfig


def concat(vectors: list[keras.KerasTensor], classes: int, config: FusionConfig) -> keras.KerasTensor:
    """Join the vectors end to end, then dense, ReLU, dropout and dense (system 2's Linear 17704→1024→labels).

    Args:
        vectors: one or two tensors of shape (batch, width).
        classes: number of labels.
        config: `hidden_dim` and `dropout`.

    Returns:
        Logits, float32 (batch, classes).
    """
    x = layers.Concatenate(name="join")(vectors) if len(vectors) > 1 else vectors[0]
    x = layers.Dense(config.hidden_dim, activation="relu", name="hidden")(x)
    x = layers.Dropout(config.dropout)(x)
    return layers.Dense(classes, dtype="float32", name="logits")(x)


FUSIONS: dict[str, Callable[[list[keras.KerasTensor], int, FusionConfig], keras.KerasTensor]] = {
    "concat": concat
}
"""By the name in `fusion.name`: from vectors of shape (batch, width) to float32 logits (batch, classes)."""
