"""Resolves settings that depend on others or on the training data: each `auto`, and captions without words.

What depends on the device, `train.precision` and `train.xla`, stays auto in a run's settings and is resolved
by each process (`kmlc.training.environment`).
"""

from dataclasses import replace

from kmlc.config import IMAGE_SIZE, SAMPLE_IMAGE_SIZE, Config, LabelKind
from kmlc.data.caption_encoders import reads_any
from kmlc.data.records import Records
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


def resolve(config: Config, label_kind: LabelKind, training: Records) -> Config:
    """Return the settings with a value for each `auto` that the settings or the data determine.

    Where the caption encoder would read nothing in any training caption, `captions.encoder` becomes none.

    Args:
        config: the settings.
        label_kind: the kind of labels that was found in the data.
        training: the training rows; `loss.alpha` of the focal loss depends on their labels.

    Example:
        config = resolve(config, data.label_kind, training)
    """
    config = resolve_image_size(config)
    if config.labels.kind == "auto":
        config = replace(config, labels=replace(config.labels, kind=label_kind))
    if config.loss.name == "focal" and config.loss.alpha == "auto":
        config = replace(config, loss=replace(config.loss, alpha=mean_class_alpha(training.labels)))
    if not reads_any(config.captions, training.captions):
        config = _without_captions(config)
    return config


def resolve_as(config: Config, other: Config) -> Config:
    """Return the settings with all that the data determines as in other, resolved settings.

    Example:
        config = resolve_as(config, load_config(verified(run.config)))
    """
    config = resolve_image_size(config)
    if config.labels.kind == "auto":
        config = replace(config, labels=replace(config.labels, kind=other.labels.kind))
    if config.loss.alpha == "auto":
        config = replace(config, loss=replace(config.loss, alpha=other.loss.alpha))
    if other.captions.encoder == "none":
        config = _without_captions(config)
    return config


def _without_captions(config: Config) -> Config:
    return replace(config, captions=replace(config.captions, encoder="none"))
