"""The backbones of keras.applications, each without its top, and the pooling after them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import keras
import numpy as np
from keras import applications, layers

from kmlc.config import TowerConfig
from kmlc.models.image.tower import DEVIATION, MEAN, Tower


def application(
    constructor: Callable[..., keras.Model],
    preprocessing: Literal["tf", "caffe", "none"],
    smallest: int = 32,
) -> Tower:
    """Return the tower of a keras.applications constructor.

    Args:
        constructor: such as `keras.applications.VGG16`.
        preprocessing: the mode of its own `preprocess_input`, as in `Tower`.
        smallest: the smallest image size that it accepts, in pixels.
    """

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        shape = (size, size, 3)
        # ConvNeXt normalises after its pooling, which the map has not had.
        if config.pooling == "avg" or constructor is applications.ConvNeXtTiny:
            return constructor(weights=None, include_top=False, pooling="avg", input_shape=shape)
        model = constructor(weights=None, include_top=False, pooling=None, input_shape=shape)
        pools = [layers.GlobalAveragePooling2D()(model.output), layers.GlobalMaxPooling2D()(model.output)]
        return keras.Model(model.input, layers.Concatenate()(pools), name=model.name)

    def imagenet() -> keras.Model:
        return constructor(weights="imagenet", include_top=False, pooling="avg")

    return Tower(backbone, preprocessing, smallest, imagenet)


def efficientnet(constructor: Callable[..., keras.Model]) -> Tower:
    """Return the tower of an EfficientNet, which contains the normalisation of its pixels.

    Built with `weights="imagenet"`, Keras's EfficientNet stores ImageNet's standard deviation as the variance
    of its Normalization layer, and compensates with a Rescaling layer that divides by the square root of the
    standard deviation once more (TensorFlow issue 49930). Built without weights, as here, it has mean 0 and
    variance 1 and no Rescaling layer. `Preprocess` does the work of that layer, and mean and variance are set
    as with ImageNet's weights.
    """
    plain = application(constructor, "none")

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        model = plain.backbone(size, config)
        (layer,) = (each for each in model.layers if isinstance(each, layers.Normalization))
        # The layer computes with the values of its last load, not with later assignments.
        layer.load_own_variables({"0": MEAN, "1": DEVIATION, "2": np.zeros((), np.int64)})
        return model

    return replace(plain, backbone=backbone, preprocessing="efficientnet")


resnet50 = application(applications.ResNet50, "caffe")
vgg16 = application(applications.VGG16, "caffe")
inceptionv3 = application(applications.InceptionV3, "tf", smallest=75)
efficientnetb0 = efficientnet(applications.EfficientNetB0)
efficientnetb4 = efficientnet(applications.EfficientNetB4)
mobilenetv2 = application(applications.MobileNetV2, "tf")
convnext_tiny = application(applications.ConvNeXtTiny, "none")
