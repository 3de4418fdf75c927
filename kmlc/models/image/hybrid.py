"""The CNN-LSTM-Transformer of system 2."""

import warnings

import keras
from keras import layers
from keras_hub.layers import TransformerEncoder

from kmlc.config import TowerConfig

CONVOLUTIONS = (128, 64, 64)
WIDTH = 128
TRANSFORMER_LAYERS = 2
HEADS = 4


def hybrid(images: keras.KerasTensor, config: TowerConfig) -> keras.KerasTensor:
    """From images to a vector: three convolutions, an LSTM over the positions, a Transformer over its steps.

    The feature map is read row by row as a sequence of positions for a one-layer LSTM. With
    `sequence: last`, as system 2 has it, the LSTM's last step alone goes on, so that the Transformer has one
    token to attend to. With `sequence: all` it attends over every step, and their mean is the vector.

    Args:
        images: float (batch, height, width, 3), values from 0 to 255.
        config: `sequence`, `norm`, `feedforward_dim`, `dropout`. Normalising before the parts of a layer
            learns faster from scratch; system 2 has PyTorch's default, after.

    Returns:
        A tensor of shape (batch, 128).

    Example:
        images = keras.Input((64, 64, 3))
        tower = keras.Model(images, hybrid(images, TowerConfig(sequence="last")))
    """
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for number, filters in enumerate(CONVOLUTIONS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"convolution_{number}")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Reshape((-1, CONVOLUTIONS[-1]))(x)
    x = layers.LSTM(WIDTH, return_sequences=True, name="lstm")(x)
    if config.sequence == "last":
        # Keras warns of attention over a single step wherever it meets it. Here it is the published form.
        warnings.filterwarnings("ignore", message="You are using a softmax over axis")
        x = x[:, -1:]
    for number in range(1, TRANSFORMER_LAYERS + 1):
        x = TransformerEncoder(
            config.feedforward_dim,
            HEADS,
            dropout=config.dropout,
            normalize_first=config.norm == "before",
            name=f"transformer_{number}",
        )(x)
    if config.norm == "before":
        # The layers leave their sum as it is; without this it would grow from layer to layer.
        x = layers.LayerNormalization()(x)
    return layers.GlobalAveragePooling1D()(x)
