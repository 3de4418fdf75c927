"""Weights of a pretrained BERT: from a KerasHub preset name, or a local KerasHub or Hugging Face folder."""

from typing import Any

import keras
from keras_hub.models import BertBackbone

from kmlc.data.wordpiece import from_preset
from kmlc.models.text.bert import BACKBONE, token_encoder

_SIZES = (
    "vocabulary_size",
    "num_layers",
    "num_heads",
    "hidden_dim",
    "intermediate_dim",
    "dropout",
    "max_sequence_length",
    "num_segments",
)


def sizes(preset: str) -> dict[str, Any]:
    """Return the sizes that rebuild the pretrained encoder without the preset.

    Raises:
        UserError: if the preset cannot be loaded.
    """
    settings = from_preset(BertBackbone, preset, load_weights=False).get_config()
    return {name: settings[name] for name in _SIZES}


def load_weights(model: keras.Model, preset: str) -> None:
    """Copy the pretrained weights into the encoder of a model built with their sizes."""
    pretrained = token_encoder(from_preset(BertBackbone, preset))
    model.get_layer(BACKBONE).set_weights(pretrained.get_weights())
