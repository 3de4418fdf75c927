"""Pretrained weights of a BERT, from a KerasHub preset or a local KerasHub or Hugging Face folder."""

import keras

from kmlc.data.presets import from_preset
from kmlc.models.text.bert import BACKBONE, token_encoder


def load_weights(model: keras.Model, preset: str) -> None:
    """Copy the pretrained weights into the encoder of a model that was built with the same sizes."""
    from keras_hub.models import BertBackbone  # takes a second

    pretrained = token_encoder(from_preset(BertBackbone, preset))
    model.get_layer(BACKBONE).set_weights(pretrained.get_weights())
