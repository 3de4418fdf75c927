"""The backbones of keras.applications, each without its top, its feature map averaged over the positions."""

from collections.abc import Callable
from typing import Literal

import keras
from keras import applications

from kmlc.config import TowerConfig
from kmlc.models.image.tower import Tower


def application(
    constructor: Callable[..., keras.Model],
    preprocessing: Literal["tf", "caffe", "efficientnet", "none"],
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


resnet50 = application(applications.ResNet50, "caffe")
vgg16 = application(applications.VGG16, "caffe")
inceptionv3 = application(applications.InceptionV3, "tf", smallest=75)
efficientnetb0 = application(applications.EfficientNetB0, "efficientnet")
efficientnetb4 = application(applications.EfficientNetB4, "efficientnet")
mobilenetv2 = application(applications.MobileNetV2, "tf")
convnext_tiny = application(applications.ConvNeXtTiny, "none")
