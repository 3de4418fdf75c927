"""Pretrained BERTs: KerasHub presets and local folders, read without TensorFlow."""

from dataclasses import fields
from typing import Any

from kmlc.data.encoder_state import BertSizes, EncoderState


def preset_state(preset: str) -> EncoderState:
    """Return the word pieces and the sizes of a pretrained BERT; a run needs the preset only for its weights.

    Args:
        preset: a KerasHub preset name, or a local KerasHub or Hugging Face folder.

    Raises:
        UserError: if the preset cannot be downloaded or read.
    """
    from keras_hub.models import BertBackbone  # takes a second
    from keras_hub.tokenizers import BertTokenizer

    tokenizer = from_preset(BertTokenizer, preset)
    settings = from_preset(BertBackbone, preset, load_weights=False).get_config()
    sizes = BertSizes(**{field.name: settings[field.name] for field in fields(BertSizes)})
    return EncoderState(tuple(tokenizer.get_vocabulary()), bool(tokenizer.lowercase), sizes)


def from_preset(kind: Any, preset: str, **arguments: object) -> Any:
    """Load one part of a pretrained model; the message of a failure says what to pass instead."""
    from kmlc.data.preset_loading import loading  # imports KerasHub, which takes a second

    expected = "the folder of a KerasHub or Hugging Face BERT, or null to train an encoder from scratch"
    with loading("captions.preset", preset, expected):
        return kind.from_preset(preset, **arguments)
