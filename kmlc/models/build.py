"""From settings to a model: the one place where towers and fusion are joined."""

from typing import Any

import keras

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.models import image, text
from kmlc.models.fusion import FUSIONS
from kmlc.models.text import pretrained


def pretrained_sizes(config: Config) -> dict[str, Any]:
    """Return the sizes of the pretrained parts that the settings name, so that later only weights are loaded.

    Raises:
        UserError: if a preset cannot be loaded.
    """
    if config.captions.encoder != "bert" or config.captions.preset is None:
        return {}
    return {"backbone": pretrained.sizes(config.captions.preset)}


def load_pretrained(model: keras.Model, config: Config) -> None:
    """Load the weights of the pretrained parts that the settings name into a fresh model."""
    if config.captions.encoder == "bert" and config.captions.preset is not None:
        pretrained.load_weights(model, config.captions.preset)


def build_model(config: Config, classes: int, learnt: dict[str, Any]) -> keras.Model:
    """Build the model that the settings describe, with fresh weights.

    Args:
        config: `images.size` is resolved to a number.
        classes: number of labels.
        learnt: what the caption encoder learnt (`kmlc.data.captions.learn_captions`), and the sizes of
            pretrained parts (`pretrained_sizes`).

    Returns:
        A functional model from named inputs (`image`, and those of the caption encoder) to float32 LOGITS of
        shape (batch, classes).

    Raises:
        UserError: if the settings leave out both the image and the caption.

    Example:
        config = Config(images=ImagesConfig(size=64), captions=CaptionsConfig(encoder="trigram"))
        model = build_model(config, classes=18, learnt={})
    """
    inputs: dict[str, keras.KerasTensor] = {}
    vectors = []
    if config.tower.name != "none":
        inputs["image"] = keras.Input((config.images.size, config.images.size, 3), name="image")
        vectors.append(image.TOWERS[config.tower.name](inputs["image"], config.tower))
    if config.captions.encoder != "none":
        caption_inputs, vector = text.TOWERS[config.captions.encoder](config.captions, learnt)
        inputs |= caption_inputs
        vectors.append(vector)
    if not vectors:
        raise UserError("tower.name and captions.encoder are both none; a model needs one of the two")
    logits = FUSIONS[config.fusion.name](vectors, classes, config.fusion)
    return keras.Model(inputs, logits, name=config.model)
