"""Builds a model from settings: towers, then fusion."""

from dataclasses import replace

import keras
from keras import ops

from kmlc.config import Config
from kmlc.data.encoder_state import EncoderState
from kmlc.errors import UserError
from kmlc.models import image, text
from kmlc.models.branch import Branch, Inputs
from kmlc.models.fusion import FUSIONS, Heads, is_from_run
from kmlc.models.image.tower import LAYER, image_tower
from kmlc.models.mlp import mlp
from kmlc.models.submodel import Submodel
from kmlc.models.text import pretrained


def load_pretrained(model: keras.Model, config: Config) -> None:
    """Load the pretrained weights that the settings name into a fresh model.

    A branch that comes from a finished run is skipped: its weights come with that run.

    Raises:
        UserError: if weights cannot be loaded, or do not fit.
    """
    preset = config.captions.preset if config.captions.encoder == "bert" else None
    if preset is not None and not is_from_run("caption", config.fusion):
        pretrained.load_weights(model, preset)
    if config.tower.input == "image" and not is_from_run("image", config.fusion):
        image.load_pretrained(model.get_layer(LAYER).model, config.tower)


def build_model(config: Config, heads: Heads, state: EncoderState) -> keras.Model:
    """Build the model that the settings describe, with fresh weights.

    Args:
        config: `images.size` is resolved to a number.
        heads: the number of classes of each head by its name.
        state: the encoder state (`kmlc.data.caption_encoders.fit_captions`) with the statistics of
            the feature vectors.

    Returns:
        A functional model from named inputs to float32 LOGITS of shape (batch, classes of all heads). The
        inputs are `image` or `features`, those of the caption encoder, and, where the fusion reads them, the
        masks `image_present` and `caption_present`.

    Raises:
        UserError: if the settings use neither images nor captions.

    Example:
        config = Config(images=ImagesConfig(size=64), captions=CaptionsConfig(encoder="trigram"))
        model = build_model(config, {"labels": 18}, EncoderState())
    """
    inputs: Inputs = {}
    branches = []
    if config.tower.input != "none":
        build_branch = _image_branch if config.tower.input == "image" else _features_branch
        branches.append(build_branch(inputs, config, state))
    if config.captions.encoder != "none":
        frozen = is_from_run("caption", config.fusion)
        settings = replace(config.captions, trainable=False) if frozen else config.captions
        caption_inputs, embedding = text.TOWERS[settings.encoder](settings, state)
        inputs |= caption_inputs
        branches.append(Branch("caption", embedding, _presence("caption_present", inputs, config)))
    if not branches:
        raise UserError("tower.name and captions.encoder are both none; a model needs one of the two")
    if config.fusion.normalize:
        branches = [each.normalized(is_from_run(each.name, config.fusion)) for each in branches]
    logits = FUSIONS[config.fusion.name](branches, heads, config.fusion)
    return keras.Model(inputs, logits, name=config.model)


def _image_branch(inputs: Inputs, config: Config, state: EncoderState) -> Branch:
    size = config.images.resolved_size
    frozen = is_from_run("image", config.fusion)
    settings = replace(config.tower, trainable="none") if frozen else config.tower
    tower = image_tower(image.tower_of(settings, state), size, settings)
    inputs["image"] = keras.Input((size, size, 3), name="image")
    embedding = Submodel(tower, inference=frozen, name=LAYER)(inputs["image"])
    return Branch("image", embedding, _presence("image_present", inputs, config))


def _features_branch(inputs: Inputs, config: Config, state: EncoderState) -> Branch:
    inputs["features"] = keras.Input((len(state.feature_means),), name="features")
    present = ops.ones_like(inputs["features"][:, :1], dtype="int32")
    return Branch("image", mlp(state, config.tower)(inputs["features"]), present)


def _presence(name: str, inputs: Inputs, config: Config) -> keras.KerasTensor:
    """Return the mask of the rows that have a modality, an input of the model if the fusion reads it."""
    present = keras.Input((1,), dtype="int32", name=name)
    if config.fusion.reads_presence:
        inputs[name] = present
    return present
