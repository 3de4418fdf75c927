"""Image towers: from pixels to an embedding. A new one is a file here and a line in `TOWERS`."""

from kmlc.models.image.advanced_cnn import advanced_cnn
from kmlc.models.image.applications import (
    convnext_tiny,
    efficientnetb0,
    efficientnetb4,
    inceptionv3,
    mobilenetv2,
    resnet50,
    vgg16,
)
from kmlc.models.image.hybrid import hybrid
from kmlc.models.image.resnet18 import resnet18, resnet18_imagenet
from kmlc.models.image.simple_cnn import cnn2, simple_cnn
from kmlc.models.image.tower import Tower

TOWERS: dict[str, Tower] = {
    "hybrid": Tower(hybrid, "tf"),
    "simple_cnn": Tower(simple_cnn, "torch"),
    "cnn2": Tower(cnn2, "torch", smallest=16),
    "advanced_cnn": Tower(advanced_cnn, "tf"),
    "resnet18": Tower(resnet18, "torch", smallest=32, imagenet=resnet18_imagenet),
    "resnet50": resnet50,
    "vgg16": vgg16,
    "inceptionv3": inceptionv3,
    "efficientnetb0": efficientnetb0,
    "efficientnetb4": efficientnetb4,
    "mobilenetv2": mobilenetv2,
    "convnext_tiny": convnext_tiny,
}
"""By `tower.name`."""
