"""WordPiece tokens for a BERT caption encoder: what KerasHub's tokenizer computes, by the same operations.

KerasHub runs these operations only in a traced function, which takes a second, and in Python otherwise.
"""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

# Not public, but the only way to split captions as KerasHub does.
from keras_hub.src.tokenizers.word_piece_tokenizer import pretokenize

from kmlc.data.columns import chunks
from kmlc.data.encoder_state import EncoderState

LENGTHS = (8, 16, 24, 32)
"""The lengths that a batch of captions may have, below the longest that the settings allow: a batch of short
captions takes less work, and few lengths mean few compilations where each takes one (XLA, JAX)."""

Tokenizer = Callable[[tf.Tensor], tf.RaggedTensor]
"""From captions (rows,) to the ids of their word pieces, int32 (rows, n)."""


def split_words(captions: tf.Tensor, lowercase: bool) -> tf.RaggedTensor:
    """Return the words of captions (rows,), a ragged tensor of strings (rows, n).

    Accents are removed exactly where letters are lower-cased, as BERT's own tokenizer does it.
    """
    # KerasHub takes all spaces but the plain one for letters.
    spaced = tf.strings.regex_replace(captions, r"\p{Z}", " ")
    return pretokenize(spaced, lowercase=lowercase, strip_accents=lowercase)


def word_piece_tokenizer(state: EncoderState) -> Tokenizer:
    """Return the function from captions to the ids of their word pieces, without special tokens.

    Example:
        word_piece_tokenizer(state)(tf.constant(["a red bus"])).to_list()
    """
    pieces = tf_text.FastWordpieceTokenizer(
        list(state.vocabulary), token_out_type=tf.int32, unknown_token="[UNK]", no_pretokenization=True
    )

    def tokenize(captions: tf.Tensor) -> tf.RaggedTensor:
        return pieces.tokenize(split_words(captions, state.lowercase)).merge_dims(-2, -1)

    return tokenize


def packer(state: EncoderState, length: int) -> Callable[[tf.Tensor], np.ndarray]:
    """Return the function from captions (rows,) to the token ids of a BERT, uint16 or int32 (rows, length).

    They are [CLS], the word pieces that have room, [SEP], and padding; a single one is [CLS].
    """
    tokenize = word_piece_tokenizer(state)
    start, end, padding = (state.vocabulary.index(piece) for piece in ("[CLS]", "[SEP]", "[PAD]"))
    dtype = np.uint16 if len(state.vocabulary) <= np.iinfo(np.uint16).max else np.int32
    places = np.arange(max(length - 2, 0))

    def pack(captions: tf.Tensor) -> np.ndarray:
        pieces = tokenize(captions)
        first, count = pieces.row_starts().numpy(), pieces.row_lengths().numpy()
        written = np.minimum(count, len(places))
        inside = places < written[:, None]
        ids = np.full((len(count), 2 + len(places)), padding, dtype)
        ids[:, 0] = start
        ids[:, 1:-1][inside] = pieces.flat_values.numpy()[(first[:, None] + places)[inside]]
        ids[np.arange(len(ids)), 1 + written] = end
        return ids[:, :length]

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


def unknown_share(state: EncoderState, captions: Iterable[str]) -> float:
    """Return the share of unknown word pieces in whole captions, before they are truncated; 0 without any.

    Example:
        unknown_share(state, ["a red bus"])  # 0.33 if one of three words is not in the vocabulary
    """
    tokenize, unknown = word_piece_tokenizer(state), state.vocabulary.index("[UNK]")
    found = [tokenize(tf.constant(some)).flat_values.numpy() for some in chunks(captions)]
    pieces = sum(map(len, found))
    return sum(int(np.count_nonzero(ids == unknown)) for ids in found) / max(pieces, 1)
