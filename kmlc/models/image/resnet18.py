"""ResNet-18 (He et al., CVPR 2016) from KerasHub; keras.applications has none."""

import keras
from keras import layers

from kmlc.config import TowerConfig


def resnet18(size: int, config: TowerConfig) -> keras.Model:
    """Return ResNet-18 without its top, with global average pooling.

    Args:
        size: height and width of the images, in pixels.
        config: not used.

    Returns:
        A model from images to embeddings of shape (batch, 512).
    """
    from keras_hub.models import ResNetBackbone  # takes a second

    return _pooled(
        ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=[64, 128, 256, 512],
            stackwise_num_blocks=[2, 2, 2, 2],
            stackwise_num_strides=[1, 2, 2, 2],
            block_type="basic_block",
            image_shape=(size, size, 3),
        )
    )


def resnet18_imagenet() -> keras.Model:
    """Return the same with KerasHub's ImageNet weights, which are downloaded."""
    from keras_hub.models import ResNetBackbone

    return _pooled(ResNetBackbone.from_preset("resnet_18_imagenet"))


def _pooled(backbone: keras.Model) -> keras.Model:
    return keras.Model(backbone.input, layers.GlobalAveragePooling2D()(backbone.output))
