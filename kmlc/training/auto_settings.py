"""Resolves settings that depend on others or on the training data: each `auto`, and captions without words.

What depends on the device, `train.precision` and `train.xla`, stays auto in a run's settings and is resolved
by each process (`kmlc.training.environment`).
"""

from dataclasses import replace
from pathlib import Path

from kmlc.config import IMAGE_SIZE, SAMPLE_IMAGE_SIZE, Config, LabelKind
from kmlc.data.caption_encoders import reads_any
from kmlc.data.encoder_state import ImageBackbone, load_encoder_state
from kmlc.data.records import Records
from kmlc.models.image import TOWERS
from kmlc.objectives.losses import mean_class_alpha
from kmlc.training.manifest import verified
from kmlc.training.run_directory import existing_run


def read_image_backbone(config: Config) -> ImageBackbone | None:
    """Return the image backbone of `tower.preset`, from the run `fusion.image_run` if that has it already.

    Returns:
        None without a preset.

    Raises:
        UserError: if the preset or the run cannot be read.
    """
    if config.tower.preset is None or config.tower.input != "image":
        return None
    if config.fusion.image_run is not None:
        state = load_encoder_state(verified(existing_run(Path(config.fusion.image_run)).encoder))
        if state.image_backbone is not None:
            return state.image_backbone
    from kmlc.models.image.presets import read_preset  # imports KerasHub, which takes a second

    return read_preset(config.tower.preset)


def resolve_image_size(config: Config) -> Config:
    """Return the settings with `images.size` as a number.

    Example:
        resolve_image_size(Config(data="my_folder")).images.size  # 224

    Raises:
        UserError: if it is the size of a preset that cannot be read.
    """
    if config.images.size != "auto":
        return config
    size = IMAGE_SIZE
    if backbone := read_image_backbone(config):
        size = backbone.size
    elif config.data is None:
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


def with_size_of(config: Config, run: Config) -> Config:
    """Return the settings with the image size of a run with the same preset, which may be gone by now."""
    if config.images.size != "auto" or config.tower.preset is None or config.tower.preset != run.tower.preset:
        return config
    return replace(config, images=replace(config.images, size=run.images.size))


def resolve_as(config: Config, other: Config) -> Config:
    """Return the settings with all that the data determines as in other, resolved settings.

    Example:
        config = resolve_as(config, load_config(verified(run.config)))
    """
    config = resolve_image_size(with_size_of(config, other))
    if config.labels.kind == "auto":
        config = replace(config, labels=replace(config.labels, kind=other.labels.kind))
    if config.loss.alpha == "auto":
        config = replace(config, loss=replace(config.loss, alpha=other.loss.alpha))
    if other.captions.encoder == "none":
        config = _without_captions(config)
    return config


def _without_captions(config: Config) -> Config:
    return replace(config, captions=replace(config.captions, encoder="none"))
