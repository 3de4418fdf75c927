"""The CNN-LSTM-Transformer of system 2."""

import warnings

import keras
from keras import layers

from kmlc.config import TowerConfig

CONVOLUTIONS = (128, 64, 64)
WIDTH = 128
TRANSFORMER_LAYERS = 2
HEADS = 4


def hybrid(size: int, config: TowerConfig) -> keras.Model:
    """Return three convolutions, an LSTM over the positions, and a Transformer over the steps of the LSTM.

    The feature map is read row by row as a sequence of positions for a one-layer LSTM. With
    `sequence: last`, as in system 2, the Transformer attends to the last step of the LSTM alone, a single
    token. With `sequence: all` it attends to every step, and the embedding is their mean.

    Args:
        size: height and width of the images, in pixels.
        config: `sequence`, `norm`, `feedforward_dim`, `transformer_dropout`. Pre-norm (`before`) converges
            faster from scratch; system 2 has PyTorch's default, post-norm (`after`).

    Returns:
        A model from images to embeddings of shape (batch, 128).

    Example:
        hybrid(64, TowerConfig(sequence="last"))
    """
    from keras_hub.layers import TransformerEncoder  # takes a second

    images = keras.Input((size, size, 3))
    x = images
    for number, filters in enumerate(CONVOLUTIONS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"convolution_{number}")(x)
        # ReLU before the pooling gives the same values and gradients from four times the memory.
        x = layers.ReLU()(layers.MaxPooling2D(2)(x))
    x = layers.Reshape((-1, CONVOLUTIONS[-1]))(x)
    x = layers.LSTM(WIDTH, return_sequences=True, name="lstm")(x)
    if config.sequence == "last":
        # Keras warns of attention over a single step; here that is the published form.
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
        # Pre-norm layers do not normalise the sum of their residual branches; it would grow with depth.
        x = layers.LayerNormalization()(x)
    return keras.Model(images, layers.GlobalAveragePooling1D()(x))
