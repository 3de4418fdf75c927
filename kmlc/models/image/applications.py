"""The backbones of keras.applications, each without its top, its feature map averaged over the positions."""

from collections.abc import Callable
from typing import Literal

import keras
from keras import applications

from kmlc.config import TowerConfig
from kmlc.models.image.tower import Tower


def application(
    constructor: Callable[..., keras.Model],
    preprocessing: Literal["tf", "torch", "caffe", "none"],
    smallest: int = 32,
    first: str | None = None,
) -> Tower:
    """Return the tower of a keras.applications constructor.

    Args:
        constructor: such as `keras.applications.VGG16`.
        preprocessing: what its own `preprocess_input` does, as in `Tower`.
        smallest: the smallest image that it takes, in pixels.
        first: the layer that the backbone begins with, if what is before it is preprocessing.
    """

    def built(weights: str | None, size: int) -> keras.Model:
        model = constructor(weights=weights, include_top=False, pooling="avg", input_shape=(size, size, 3))
        return model if first is None else keras.Model(model.get_layer(first).input, model.output)

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        return built(None, size)

    def imagenet() -> keras.Model:
        return built("imagenet", 224)

    return Tower(backbone, preprocessing, smallest, imagenet)


def efficientnet(constructor: Callable[..., keras.Model]) -> Tower:
    """Return the tower of an EfficientNet, less the layers that scale and normalise its pixels.

    Keras's come to ImageNet's mean and deviation only when they are made with `weights="imagenet"` (issue
    49930 of TensorFlow), and use what their weights were when a file was last loaded. Without them it is 7
    parameters less: a mean, a deviation and a count.
    """
    return application(constructor, "torch", first="stem_conv_pad")


resnet50 = application(applications.ResNet50, "caffe")
vgg16 = application(applications.VGG16, "caffe")
inceptionv3 = application(applications.InceptionV3, "tf", smallest=75)
efficientnetb0 = efficientnet(applications.EfficientNetB0)
efficientnetb4 = efficientnet(applications.EfficientNetB4)
mobilenetv2 = application(applications.MobileNetV2, "tf")
convnext_tiny = application(applications.ConvNeXtTiny, "none")
