"""Fits a WordPiece vocabulary to captions, with the trainer of Hugging Face's tokenizers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, repeat

import tensorflow as tf

# Not public, as `pretokenize` in `kmlc.data.tokenizer`.
from keras_hub.src.tokenizers.word_piece_tokenizer import MAX_BYTES_PER_WORD
from tokenizers import Tokenizer, models, trainers

from kmlc.data.columns import chunks
from kmlc.data.encoder_state import SPECIAL_TOKENS
from kmlc.data.tokenizer import split_words
from kmlc.errors import UserError

MIN_FREQUENCY = 2
"""Word pieces of several characters occur this often or more in the captions."""


def fit_vocabulary(captions: Iterable[str], size: int) -> tuple[str, ...]:
    """Fit a lower-case WordPiece vocabulary to captions; the same captions give the same vocabulary.

    If the single characters alone exceed `size`, as in Chinese, the most frequent ones are kept.

    Args:
        captions: the training captions.
        size: the maximum number of word pieces, special tokens included; it is never exceeded.

    Returns:
        The word pieces, special tokens first, then single characters.

    Raises:
        UserError: if `size` leaves no room besides the special tokens.

    Example:
        fit_vocabulary(["a red bus", "two red buses"], size=100)
    """
    if size <= len(SPECIAL_TOKENS):
        least = len(SPECIAL_TOKENS) + 1
        raise UserError(
            f"captions.vocabulary_size: expected {least} or more, as a BERT has {least - 1} special tokens; "
            f"got {size}"
        )
    words = _count_words(captions)
    single = _single_pieces(words, size - len(SPECIAL_TOKENS))
    characters = {piece[-1] for piece in single}
    tokenizer = Tokenizer(models.WordPiece())
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=MIN_FREQUENCY,
        # The trainer numbers characters as it meets them in a hash table whose order differs from process to
        # process, and ties between pairs go to the lower numbers: what is named here has fixed numbers.
        special_tokens=[*SPECIAL_TOKENS, *single],
        show_progress=False,
    )
    # A word with another character is unknown as a whole.
    known = (repeat(word, count) for word, count in words.items() if characters.issuperset(word))
    tokenizer.train_from_iterator(chain.from_iterable(known), trainer)
    pieces = tokenizer.get_vocab()
    return tuple(sorted(pieces, key=lambda piece: pieces[piece]))


def _count_words(captions: Iterable[str]) -> dict[str, int]:
    """Return how often each word occurs, split and lower-cased as the tokenizer will do it."""
    words: Counter[bytes] = Counter()
    for some in chunks(captions):
        split = split_words(tf.constant(some, tf.string), lowercase=True)
        words.update(split.flat_values.numpy().tolist())
    # The tokenizer takes longer words for unknown.
    return {word.decode(): count for word, count in words.items() if 0 < len(word) <= MAX_BYTES_PER_WORD}


def _single_pieces(words: Mapping[str, int], room: int) -> list[str]:
    """Return the pieces of one character, of the most frequent characters that have room.

    A character that occurs inside a word has a second piece for that; ties go to the lower code points.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    inside = {character for word in words for character in word[1:]}
    pieces: list[str] = []
    for character in sorted(counts, key=lambda each: (-counts[each], each)):
        both = [character, f"##{character}"] if character in inside else [character]
        if len(pieces) + len(both) > room:
            break
        pieces += both
    return sorted(pieces, key=lambda piece: (len(piece), piece))
