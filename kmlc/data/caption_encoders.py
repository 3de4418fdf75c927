"""Caption encoders: from a batch of captions to the caption inputs of a model, inside tf.data.

A new encoder is a function here and a line in `_ENCODERS`; if it is fitted to the training captions, a
second function does that, with a line in `_FITTERS`. The layers behind the inputs are in `kmlc.models`.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState
from kmlc.data.ngrams import letter_ngram_counts

Encode = Callable[[tf.Tensor], dict[str, tf.Tensor]]
"""From a string tensor of shape (batch,) to the caption inputs of the model by name."""


def reads_any(config: CaptionsConfig, captions: Sequence[str], batch: int = 256) -> bool:
    """Return whether an encoder, not fitted yet, reads anything in any of the captions.

    It reads nothing where captions are missing, empty or blank; bigrams and trigrams read only a to z.

    Example:
        reads_any(CaptionsConfig(encoder="bert"), ["", " "])  # False
    """
    # All words are unknown pieces, which an empty caption does not have.
    encode = caption_encoder(config, EncoderState(SPECIAL_TOKENS))

    def reads(captions: tf.Tensor) -> tf.Tensor:
        inputs = encode(tf.concat([[""], captions], axis=0))
        return tf.reduce_any([tf.reduce_any(value != value[:1]) for value in inputs.values()])

    written = tf.constant([caption for caption in captions if caption.strip()], tf.string)
    batches = tf.data.Dataset.from_tensor_slices(written).batch(batch)
    return any(batches.map(reads).as_numpy_iterator())


def fit_captions(config: CaptionsConfig, captions: Sequence[str]) -> EncoderState:
    """Fit the encoder to the training captions, or read its state from the preset that the settings name.

    Args:
        config: the encoder's settings.
        captions: the training captions.

    Raises:
        UserError: if a preset cannot be loaded.
    """
    fit = _FITTERS.get(config.encoder)
    return fit(config, captions) if fit else EncoderState()


def caption_encoder(config: CaptionsConfig, state: EncoderState) -> Encode:
    """Return the function that encodes a batch of captions.

    Args:
        config: the encoder's settings.
        state: as `fit_captions` returned it.

    Example:
        encode = caption_encoder(CaptionsConfig(encoder="bigram"), EncoderState())
        encode(tf.constant(["a red bus"]))["ngrams"]  # shape (1, 676)
    """
    return _ENCODERS[config.encoder](config, state)


def unknown_share(state: EncoderState, captions: Sequence[str]) -> float:
    """Return the share of unknown word pieces in captions.

    Args:
        state: with a vocabulary of word pieces.
        captions: whole captions; those longer than the model reads are not truncated.
    """
    from kmlc.data import tokenizer

    return tokenizer.unknown_share(state, captions)


def _none(config: CaptionsConfig, state: EncoderState) -> Encode:
    return lambda captions: {}


def _letter_ngrams(n: int) -> Callable[[CaptionsConfig, EncoderState], Encode]:
    def build(config: CaptionsConfig, state: EncoderState) -> Encode:
        return lambda captions: {"ngrams": letter_ngram_counts(captions, n, config.cross_words)}

    return build


def _bert(config: CaptionsConfig, state: EncoderState) -> Encode:
    # KerasHub takes seconds to import, and the other encoders do not need it.
    from kmlc.data.tokenizer import packer

    return packer(state, config.sequence_length)


def _fit_bert(config: CaptionsConfig, captions: Sequence[str]) -> EncoderState:
    from kmlc.data.tokenizer import preset_state
    from kmlc.data.word_pieces import fit_vocabulary

    if config.preset is not None:
        return preset_state(config.preset)
    return EncoderState(fit_vocabulary(captions, config.vocabulary_size))


_ENCODERS = {"none": _none, "bigram": _letter_ngrams(2), "trigram": _letter_ngrams(3), "bert": _bert}
_FITTERS = {"bert": _fit_bert}
