"""WordPiece tokens for a BERT caption encoder, with KerasHub's tokenizer."""

from collections.abc import Callable, Iterable

import keras_hub
import tensorflow as tf

from kmlc.data.columns import chunks
from kmlc.data.encoder_state import EncoderState

LENGTHS = (8, 16, 24, 32)
"""The lengths that a batch of captions may have, below the longest that the settings allow: a batch of short
captions takes less work, and few lengths mean few compilations where each takes one (XLA, JAX)."""


def packer(state: EncoderState, length: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the function from captions to the token ids of a BERT, uint16 or int32 (rows, length)."""
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(_tokenizer(state), sequence_length=length)
    dtype = tf.uint16 if len(state.vocabulary) <= tf.uint16.max else tf.int32

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)
    def pack(captions: tf.Tensor) -> tf.Tensor:
        return tf.cast(preprocessor(with_plain_spaces(captions))["token_ids"], dtype)

    return pack


def bert_inputs(state: EncoderState) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Return the function from token ids (batch, length) to the inputs of a BERT, int32 of shape (batch, n).

    n is the smallest of `LENGTHS` that holds the longest caption of the batch, or the whole length: a BERT
    does not look at padding, so that its outputs are the same up to rounding.
    """
    padding = state.vocabulary.index("[PAD]")

    def inputs(token_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tf.cast(token_ids, tf.int32)
        written = tf.reduce_any(ids != padding, axis=0)
        longest = tf.reduce_max(tf.where(written, tf.range(1, tf.size(written) + 1), 0))
        place = tf.searchsorted(tf.constant(LENGTHS), longest[None])[0]
        ids = ids[:, : tf.constant([*LENGTHS, ids.shape[1]])[place]]
        # Masks are int32, as MirroredStrategy cannot reduce bool inputs.
        mask = tf.cast(ids != padding, tf.int32)
        return {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}

    return inputs


def with_plain_spaces(captions: tf.Tensor) -> tf.Tensor:
    """Return captions with plain spaces for all others, which KerasHub's tokenizer takes for letters."""
    return tf.strings.regex_replace(captions, r"\p{Z}", " ")


def unknown_share(state: EncoderState, captions: Iterable[str]) -> float:
    """Return the share of unknown word pieces in whole captions, before they are truncated; 0 without any.

    Example:
        unknown_share(state, ["a red bus"])  # 0.33 if one of three words is not in the vocabulary
    """
    tokenizer = _tokenizer(state)

    def count(captions: tf.Tensor) -> tf.Tensor:
        ids = tokenizer(with_plain_spaces(captions)).flat_values
        unknown = tf.math.count_nonzero(ids == tokenizer.token_to_id("[UNK]"))
        return tf.stack([unknown, tf.size(ids, tf.int64)])

    batches = tf.data.Dataset.from_generator(
        lambda: chunks(captions), output_signature=tf.TensorSpec((None,), tf.string)
    )
    counts = batches.map(count, num_parallel_calls=tf.data.AUTOTUNE)
    unknown, pieces = counts.reduce(tf.zeros(2, tf.int64), tf.add).numpy().tolist()
    return unknown / max(pieces, 1)


def _tokenizer(state: EncoderState) -> keras_hub.tokenizers.BertTokenizer:
    """Return the tokenizer; it removes accents exactly when it lower-cases letters, as BERT's own does."""
    return keras_hub.tokenizers.BertTokenizer(
        vocabulary=list(state.vocabulary), lowercase=state.lowercase, strip_accents=state.lowercase
    )
