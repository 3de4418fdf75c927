"""AdvancedCNN, the residual network of system 3."""

import keras
from keras import layers

from kmlc.config import TowerConfig

STAGES = (64, 128, 256, 512)
BLOCKS = 2


def advanced_cnn(size: int, config: TowerConfig) -> keras.Model:
    """Return a 7x7 stem, four stages of two basic residual blocks, and global average pooling.

    Stages 2 to 4 start with stride 2. Convolutions before a batch normalisation have no bias. System 3 does
    not describe its shortcuts and its batch normalisation; here a block that changes the shape has a 1x1
    convolution with batch normalisation as its shortcut (He et al., CVPR 2016, option B), and momentum and
    epsilon are PyTorch's defaults.

    Args:
        size: height and width of the images, in pixels.
        config: not used.

    Returns:
        A model from images to embeddings of shape (batch, 512).

    Example:
        advanced_cnn(224, TowerConfig("advanced_cnn")).count_params()  # 11,186,112
    """
    images = keras.Input((size, size, 3))
    x = _convolution(images, 64, kernel=7, stride=2, name="stem")
    # ReLU before the pooling gives the same values and gradients from four times the memory.
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.Activation("relu")(x)
    for stage, filters in enumerate(STAGES, start=1):
        for block in range(1, BLOCKS + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _residual_block(x, filters, stride, name=f"stage_{stage}_block_{block}")
    return keras.Model(images, layers.GlobalAveragePooling2D()(x))


def _residual_block(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = _convolution(x, filters, kernel=1, stride=stride, name=f"{name}_shortcut")
    x = _convolution(x, filters, kernel=3, stride=stride, name=f"{name}_convolution_1")
    x = layers.Activation("relu")(x)
    x = _convolution(x, filters, kernel=3, stride=1, name=f"{name}_convolution_2")
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_normalization")(x)
