"""The backbones of keras.applications, each without its top, its feature map averaged over the positions."""

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
        preprocessing: what its own `preprocess_input` does, as in `Tower`.
        smallest: the smallest image that it takes, in pixels.
    """

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        return constructor(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3))

    def imagenet() -> keras.Model:
        return constructor(weights="imagenet", include_top=False, pooling="avg")

    return Tower(backbone, preprocessing, smallest, imagenet)


def efficientnet(constructor: Callable[..., keras.Model]) -> Tower:
    """Return the tower of an EfficientNet, which normalises its pixels with ImageNet's mean and deviation.

    Keras's has a layer for that, which divides by the root of what it holds. Made with `weights="imagenet"`
    it holds the deviation as if that were a variance, and one more layer divides by the root again (issue
    49930 of TensorFlow). Made without weights, as here, it holds 0 and 1 and that layer is not there.
    `Preprocess` stands in for the layer, and the values are put in.
    """
    plain = application(constructor, "none")

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        model = plain.backbone(size, config)
        (layer,) = (each for each in model.layers if isinstance(each, layers.Normalization))
        # The layer reckons with what it held when it was last loaded, not with later assignments.
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
