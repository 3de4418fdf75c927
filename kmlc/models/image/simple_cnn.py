"""SimpleCNN and CNN2, the two small networks of system 1."""

import itertools
from collections.abc import Sequence

import keras
from keras import layers

from kmlc.config import TowerConfig


def simple_cnn(size: int, config: TowerConfig) -> keras.Model:
    """Return three 5x5 convolutions of 32, 64 and 128 channels, each with ReLU and max pooling.

    Global average pooling follows. System 1 gives only the name; layers and widths are chosen here.

    Args:
        size: height and width of the images, in pixels.
        config: not used.

    Returns:
        A model from images to embeddings of shape (batch, 128).

    Example:
        simple_cnn(64, TowerConfig("simple_cnn")).count_params()  # 258,624
    """
    return _stack(size, kernel=5, blocks=[[32], [64], [128]])


def cnn2(size: int, config: TowerConfig) -> keras.Model:
    """Return a deeper SimpleCNN: four blocks of two 3x3 convolutions of 32, 64, 128 and 256 channels.

    System 1 says "more layers, smaller kernels"; number and widths of the layers are chosen here.

    Args:
        size: height and width of the images, in pixels.
        config: not used.

    Returns:
        A model from images to embeddings of shape (batch, 256).
    """
    return _stack(size, kernel=3, blocks=[[width, width] for width in (32, 64, 128, 256)])


def _stack(size: int, kernel: int, blocks: Sequence[Sequence[int]]) -> keras.Model:
    images = keras.Input((size, size, 3))
    x = images
    numbers = itertools.count(1)
    for block in blocks:
        for place, filters in enumerate(block):
            x = layers.ReLU()(x) if place else x
            x = layers.Conv2D(filters, kernel, padding="same", name=f"convolution_{next(numbers)}")(x)
        # ReLU before the pooling gives the same values and gradients from four times the memory.
        x = layers.ReLU()(layers.MaxPooling2D(2)(x))
    return keras.Model(images, layers.GlobalAveragePooling2D()(x))
