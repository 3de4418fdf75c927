"""Caption encoders: from captions to the caption inputs of a model, prepared once and encoded inside tf.data.

Preparing runs TensorFlow's operations one by one: to trace a function of them takes a second.

A new encoder is a function here and a line in `_ENCODERS`; if it is fitted to the training captions, a
second function does that, with a line in `_FITTERS`. The layers behind the inputs are in `kmlc.models`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kmlc.config import CaptionsConfig
from kmlc.data.columns import CHUNK, chunks
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState
from kmlc.data.ngrams import letter_ngram_counts


@dataclass(frozen=True)
class CaptionEncoder:
    """How captions become the caption inputs of a model.

    Attributes:
        inputs: from a batch of prepared captions, shape (batch, ...), to the inputs by name.
        prepare: from captions, a string tensor of shape (rows,), to what is kept of each of them, shape
            (rows, ...), such as token ids; done once for all epochs. None keeps the captions themselves.

    Example:
        encode = caption_encoder(CaptionsConfig(encoder="bigram"), EncoderState())
        encode(tf.constant(["a red bus"]))["ngrams"]  # shape (1, 676)
    """

    inputs: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    prepare: Callable[[tf.Tensor], np.ndarray] | None = None

    def __call__(self, captions: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the caption inputs of one batch of captions."""
        return self.inputs(captions if self.prepare is None else self.prepare(captions))

    def prepared(self, captions: np.ndarray) -> np.ndarray:
        """Return what is kept of each caption of a column, shape (rows, ...)."""
        if self.prepare is None:
            return captions
        example = self.prepare(tf.constant([""]))
        kept = np.empty((len(captions), *example.shape[1:]), example.dtype)
        for start in range(0, len(captions), CHUNK):
            some = captions[start : start + CHUNK]
            kept[start : start + CHUNK] = self.prepare(tf.constant(some.tolist()))
        return kept


NO_CAPTIONS = CaptionEncoder(lambda captions: {})
"""The encoder of a model that reads no captions."""


def reads_any(config: CaptionsConfig, captions: Iterable[str], batch: int = 256) -> bool:
    """Return whether an encoder, not fitted yet, reads anything in any of the captions.

    It reads nothing where captions are missing, empty or blank; bigrams and trigrams read only a to z,
    TF-IDF words of two letters or more.

    Example:
        reads_any(CaptionsConfig(encoder="bert"), ["", " "])  # False
    """
    if config.encoder == "tfidf":
        from kmlc.data.tfidf import has_term

        return any(map(has_term, captions))
    # All words are unknown pieces, which an empty caption does not have.
    encode = caption_encoder(config, EncoderState(SPECIAL_TOKENS))
    written = (caption for caption in captions if caption.strip())
    for some in chunks(written, batch):
        inputs = encode(tf.constant(["", *some]))
        if any(tf.reduce_any(value != value[:1]) for value in inputs.values()):
            return True
    return False


def fit_captions(config: CaptionsConfig, captions: Iterable[str]) -> EncoderState:
    """Fit the encoder to the training captions, or read its state from the preset that the settings name.

    Args:
        config: the encoder's settings.
        captions: the training captions.

    Raises:
        UserError: if a preset cannot be loaded.
    """
    fit = _FITTERS.get(config.encoder)
    return fit(config, captions) if fit else EncoderState()


def caption_encoder(config: CaptionsConfig, state: EncoderState) -> CaptionEncoder:
    """Return the caption encoder of the settings.

    Args:
        config: the encoder's settings.
        state: as `fit_captions` returned it.
    """
    return _ENCODERS[config.encoder](config, state)


def unknown_share(state: EncoderState, captions: Iterable[str]) -> float:
    """Return the share of unknown word pieces in captions.

    Args:
        state: with a vocabulary of word pieces.
        captions: whole captions; those longer than the model reads are not truncated.
    """
    from kmlc.data import tokenizer

    return tokenizer.unknown_share(state, captions)


def _none(config: CaptionsConfig, state: EncoderState) -> CaptionEncoder:
    return NO_CAPTIONS


def _letter_ngrams(n: int) -> Callable[[CaptionsConfig, EncoderState], CaptionEncoder]:
    def build(config: CaptionsConfig, state: EncoderState) -> CaptionEncoder:
        # Counts of a million captions would take gigabytes: they are counted in every batch.
        return CaptionEncoder(
            lambda captions: {"ngrams": letter_ngram_counts(captions, n, config.cross_words)}
        )

    return build


def _tfidf(config: CaptionsConfig, state: EncoderState) -> CaptionEncoder:
    # scikit-learn takes a second to import, and the other encoders do not need it; likewise below.
    from kmlc.data import tfidf

    return CaptionEncoder(tfidf.term_inputs, tfidf.packer(state))


def _bert(config: CaptionsConfig, state: EncoderState) -> CaptionEncoder:
    # KerasHub takes seconds to import, and the other encoders do not need it.
    from kmlc.data import tokenizer

    return CaptionEncoder(tokenizer.bert_inputs(state), tokenizer.packer(state, config.sequence_length))


def _fit_bert(config: CaptionsConfig, captions: Iterable[str]) -> EncoderState:
    from kmlc.data.presets import preset_state
    from kmlc.data.word_pieces import fit_vocabulary

    if config.preset is not None:
        return preset_state(config.preset)
    return EncoderState(fit_vocabulary(captions, config.vocabulary_size))


def _fit_tfidf(config: CaptionsConfig, captions: Iterable[str]) -> EncoderState:
    from kmlc.data.tfidf import fit_terms

    terms, idf = fit_terms(captions, config.vocabulary_size)
    return EncoderState(terms=terms, idf=idf)


_ENCODERS = {
    "none": _none,
    "bigram": _letter_ngrams(2),
    "trigram": _letter_ngrams(3),
    "tfidf": _tfidf,
    "bert": _bert,
}
_FITTERS = {"tfidf": _fit_tfidf, "bert": _fit_bert}
