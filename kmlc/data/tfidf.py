"""TF-IDF: a caption as the weights of its words and pairs of words, as scikit-learn computes them.

A caption has few of the terms, so that only their ids and weights are kept and given to the model.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer

from kmlc.data.encoder_state import EncoderState

TERM = np.dtype([("id", "<i4"), ("weight", "<f4")])
"""A term of a caption, as it is kept."""
LENGTHS = tuple(2**power for power in range(4, 31))
"""The lengths that a batch may have: few lengths mean few compilations where each takes one (XLA, JAX)."""


def fit_terms(captions: Iterable[str], size: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the most frequent terms of captions, `size` of them or fewer, and the idf of each.

    Raises:
        ValueError: if no caption has a term.

    Example:
        fit_terms(["a red bus", "red buses"], size=100)[0]  # ("bus", "buses", "red", "red bus", "red buses")
    """
    vectorizer = _vectorizer(max_features=size).fit(captions)
    return tuple(vectorizer.get_feature_names_out().tolist()), tuple(vectorizer.idf_.tolist())


def has_term(caption: str) -> bool:
    """Return whether a caption has a word of two letters, digits or underscores, of any alphabet."""
    return bool(_ANALYZE(caption))


def packer(state: EncoderState) -> Callable[[tf.Tensor], np.ndarray]:
    """Return the function from captions (rows,) to the known terms of each, an array of `TERM` as bytes.

    The weights of a caption have a Euclidean norm of 1; a caption without a known term has no bytes.
    """
    vectorizer = _vectorizer(vocabulary={term: place for place, term in enumerate(state.terms)})
    vectorizer.idf_ = np.array(state.idf)

    def pack(captions: tf.Tensor) -> np.ndarray:
        found = vectorizer.transform(captions.numpy())
        terms = np.empty(found.nnz, TERM)
        terms["id"], terms["weight"] = found.indices, found.data
        ends = (found.indptr * TERM.itemsize).tolist()
        content = terms.tobytes()
        return np.array([content[start:end] for start, end in pairwise(ends)], object)

    return pack


def term_inputs(packed: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return a batch of what `packer` returned as ids, int32, and weights, float32, both (batch, n).

    n is the smallest of `LENGTHS` that holds all terms of the longest caption; unused places have id 0 and
    weight 0.
    """
    longest = tf.reduce_max(tf.strings.length(packed)) // TERM.itemsize
    length = tf.constant(LENGTHS)[tf.searchsorted(tf.constant(LENGTHS), longest[None])[0]]
    numbers = tf.io.decode_raw(packed, tf.int32, fixed_length=length * TERM.itemsize)
    terms = tf.reshape(numbers, [-1, length, 2])
    return {"term_ids": terms[..., 0], "term_weights": tf.bitcast(terms[..., 1], tf.float32)}


def _vectorizer(**arguments: object) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **arguments)


_ANALYZE = _vectorizer().build_analyzer()
