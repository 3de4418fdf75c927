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


def hybrid(size: int, config: TowerConfig) -> keras.Model:
    """Return three convolutions, an LSTM over the positions, a Transformer over its steps.

    The feature map is read row by row as a sequence of positions for a one-layer LSTM. With
    `sequence: last`, as system 2 has it, the LSTM's last step alone goes on, so that the Transformer has one
    token to attend to. With `sequence: all` it attends over every step, and their mean is the vector.

    Args:
        size: height and width of the images, in pixels.
        config: `sequence`, `norm`, `feedforward_dim`, `transformer_dropout`. Normalising before the parts of
            a layer learns faster from scratch; system 2 has PyTorch's default, after.

    Returns:
        A model from images to vectors of shape (batch, 128).

    Example:
        hybrid(64, TowerConfig(sequence="last"))
    """
    images = keras.Input((size, size, 3))
    x = images
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
            dropout=config.transformer_dropout,
            normalize_first=config.norm == "before",
            name=f"transformer_{number}",
        )(x)
    if config.norm == "before":
        # The layers leave their sum as it is; without this it would grow from layer to layer.
        x = layers.LayerNormalization()(x)
    return keras.Model(images, layers.GlobalAveragePooling1D()(x))
