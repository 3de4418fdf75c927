"""Letter n-grams: a caption as counts of its letter pairs (system 1) or triples (system 2)."""

import functools

import tensorflow as tf

LETTERS = 26


def letter_ngram_counts(captions: tf.Tensor, n: int, cross_words: bool = True) -> tf.Tensor:
    """Count the letter n-grams of a batch of captions.

    Captions are lower-cased, and all characters but the letters a to z are dropped. The columns of the result
    are aa, ab, … zz (n = 2) or aaa, aab, … zzz (n = 3).

    Args:
        captions: string tensor of shape (batch,).
        n: 2 or 3.
        cross_words: whether to count n-grams that span two words.

    Returns:
        float32 tensor of shape (batch, 26**n).

    Example:
        letter_ngram_counts(tf.constant(["Ab, abc"]), n=2)[0, 1]  # 2.0, the count of "ab"
    """
    gap = "" if cross_words else " "
    letters = tf.strings.regex_replace(tf.strings.lower(captions), "[^a-z]+", gap)
    codes = tf.strings.unicode_decode(letters, "UTF-8") - ord("a")
    # codes[:, i : i - n + 1] lines up the i-th letter of every n-gram; the last slice has no end.
    columns = [codes[:, place : place - n + 1 or None] for place in range(n)]
    places = sum(column * LETTERS ** (n - 1 - place) for place, column in enumerate(columns))
    if not cross_words:
        # A space has a negative code; an n-gram with a space spans two words.
        lowest = functools.reduce(tf.minimum, columns)
        places = tf.ragged.boolean_mask(places, lowest >= 0)
    size = LETTERS**n
    counts = tf.math.bincount(places, minlength=size, maxlength=size, axis=-1)
    return tf.ensure_shape(tf.cast(counts, tf.float32), (None, size))
