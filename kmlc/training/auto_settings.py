"""Resolves `auto` in settings: from the settings themselves, and from the training data.

What depends on the device, `train.precision` and `train.xla`, stays auto in a run's settings and is resolved
by each process (`kmlc.training.environment`).
"""

from dataclasses import replace

import numpy as np

from kmlc.config import IMAGE_SIZE, SAMPLE_IMAGE_SIZE, Config, LabelKind
from kmlc.models.image import TOWERS
from kmlc.objectives.losses import mean_class_alpha


def resolve_image_size(config: Config) -> Config:
    """Return the settings with `images.size` as a number.

    Example:
        resolve_image_size(Config(data="my_folder")).images.size  # 224
    """
    if config.images.size != "auto":
        return config
    size = IMAGE_SIZE
    if config.data is None:
        smallest = TOWERS[config.tower.name].smallest if config.tower.input == "image" else 0
        size = max(SAMPLE_IMAGE_SIZE, smallest)
    return replace(config, images=replace(config.images, size=size))


def resolve(config: Config, label_kind: LabelKind, labels: np.ndarray) -> Config:
    """Return the settings with a value for each `auto` that the settings or the data determine.

    Args:
        config: the settings.
        label_kind: the kind of labels that was found in the data.
        labels: the training labels, uint8 (rows, classes), for `loss.alpha` of the focal loss.

    Example:
        config = resolve(config, data.label_kind, training.labels)
    """
    config = resolve_image_size(config)
    if config.labels.kind == "auto":
        config = replace(config, labels=replace(config.labels, kind=label_kind))
    if config.loss.name == "focal" and config.loss.alpha == "auto":
        config = replace(config, loss=replace(config.loss, alpha=mean_class_alpha(labels)))
    return config


def resolve_as(config: Config, other: Config) -> Config:
    """Return the settings with each `auto` that the data determines as in other, resolved settings.

    Example:
        config = resolve_as(config, load_config(run.config))
    """
    config = resolve_image_size(config)
    if config.labels.kind == "auto":
        config = replace(config, labels=replace(config.labels, kind=other.labels.kind))
    if config.loss.alpha == "auto":
        config = replace(config, loss=replace(config.loss, alpha=other.loss.alpha))
    return config
