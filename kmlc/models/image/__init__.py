"""Image towers: from pixels to an embedding. A new one is a file here and a line in `TOWERS`."""

import keras

from kmlc.config import TowerConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.errors import UserError
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
from kmlc.models.image.tower import Tower, load_tower_weights

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
"""By `tower.name`; any other is of a preset."""


def tower_of(config: TowerConfig, state: EncoderState) -> Tower:
    """Return the image tower of the settings.

    Args:
        config: the settings.
        state: with the image backbone of `tower.preset`, if there is one.

    Raises:
        UserError: if it lacks the backbone, or that is of no known family.
    """
    if config.preset is None:
        return TOWERS[config.name]
    if state.image_backbone is None:
        raise UserError(f"image_backbone: expected that of {config.preset}; got null")
    from kmlc.models.image.presets import preset_tower  # imports KerasHub, which takes a second

    return preset_tower(state.image_backbone)


def load_pretrained(model: keras.Model, config: TowerConfig) -> None:
    """Load the pretrained weights that the settings name into a fresh image tower.

    Args:
        model: as `kmlc.models.image.tower.image_tower` returns it.
        config: the settings.

    Raises:
        UserError: if weights cannot be loaded, or do not fit.
    """
    if config.preset is None:
        load_tower_weights(model, TOWERS[config.name], config)
        return
    if config.weights != "none":
        raise UserError(
            f"tower.weights: expected none with tower.preset, which has weights; got {config.weights}"
        )
    from kmlc.models.image.presets import load_preset_weights

    load_preset_weights(model, config.preset)
