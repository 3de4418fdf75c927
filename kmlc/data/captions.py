"""Caption encoders: what turns a batch of captions into the inputs of a model, inside tf.data.

A new encoder is a function here and a line in `_ENCODERS`; what it has to learn from the training captions
first, if anything, is a function in `_LEARNERS`. The layers behind the inputs are in `kmlc.models`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from kmlc.config import CaptionsConfig
from kmlc.data.ngrams import letter_ngram_counts

Encode = Callable[[tf.Tensor], dict[str, tf.Tensor]]
"""From a string tensor of shape (batch,) to the model's caption inputs by name."""


def fit_captions(config: CaptionsConfig, captions: Sequence[str]) -> dict[str, Any]:
    """Learn what the encoder needs besides its settings, as plain values that JSON can hold.

    Args:
        config: the encoder's settings.
        captions: the training captions.

    Returns:
        For bert `{"vocabulary": [...], "lowercase": bool}`, from the preset if there is one; for all others
        an empty dict.

    Raises:
        UserError: if a preset cannot be loaded.
    """
    learner = _LEARNERS.get(config.encoder)
    return learner(config, captions) if learner else {}


def caption_encoder(config: CaptionsConfig, learnt: dict[str, Any]) -> Encode:
    """Return the function that encodes a batch of captions.

    Args:
        config: the encoder's settings.
        learnt: what `fit_captions` returned.

    Example:
        encode = caption_encoder(CaptionsConfig(encoder="bigram"), {})
        encode(tf.constant(["a red bus"]))["ngrams"]  # shape (1, 676)
    """
    return _ENCODERS[config.encoder](config, learnt)


def _none(config: CaptionsConfig, learnt: dict[str, Any]) -> Encode:
    return lambda captions: {}


def _letter_ngrams(n: int) -> Callable[[CaptionsConfig, dict[str, Any]], Encode]:
    def build(config: CaptionsConfig, learnt: dict[str, Any]) -> Encode:
        return lambda captions: {"ngrams": letter_ngram_counts(captions, n, config.cross_words)}

    return build


def _bert(config: CaptionsConfig, learnt: dict[str, Any]) -> Encode:
    # KerasHub takes seconds to import; the other encoders do without it.
    from kmlc.data.wordpiece import packer

    return packer(learnt["vocabulary"], learnt["lowercase"], config.sequence_length)


def _fit_bert(config: CaptionsConfig, captions: Sequence[str]) -> dict[str, Any]:
    from kmlc.data.wordpiece import fit_vocabulary, preset_vocabulary

    if config.preset is None:
        return {"vocabulary": fit_vocabulary(captions, config.vocabulary_size), "lowercase": True}
    vocabulary, lowercase = preset_vocabulary(config.preset)
    return {"vocabulary": vocabulary, "lowercase": lowercase}


_ENCODERS = {"none": _none, "bigram": _letter_ngrams(2), "trigram": _letter_ngrams(3), "bert": _bert}
_LEARNERS = {"bert": _fit_bert}
