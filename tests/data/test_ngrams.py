import itertools
import string

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.data.ngrams import letter_ngram_counts


def count_in_python(caption: str, n: int, cross_words: bool) -> np.ndarray:
    # str.lower also lowers letters outside ASCII, and turns some (as the Kelvin sign) into ASCII ones.
    caption = "".join(letter.lower() if letter.isascii() else letter for letter in caption)
    words, word = [], ""
    for letter in caption:
        if letter in string.ascii_lowercase:
            word += letter
        elif not cross_words:
            words.append(word)
            word = ""
    words.append(word)
    places = {
        "".join(letters): number
        for number, letters in enumerate(itertools.product(string.ascii_lowercase, repeat=n))
    }
    counts = np.zeros(26**n, np.float32)
    for word in words:
        for start in range(len(word) - n + 1):
            counts[places[word[start : start + n]]] += 1
    return counts


@pytest.mark.parametrize("cross_words", [True, False])
@pytest.mark.parametrize("n", [2, 3])
@given(
    captions=st.lists(
        st.text(max_size=30) | st.from_regex(r"[A-Za-z ,.]{0,40}", fullmatch=True), min_size=1, max_size=4
    )
)
@settings(max_examples=15)
def test_counts_equal_plain_python(n: int, cross_words: bool, captions: list[str]) -> None:
    counted = letter_ngram_counts(
        tf.constant([text.encode("utf-8", "ignore") for text in captions]), n, cross_words
    )
    expected = [count_in_python(text, n, cross_words) for text in captions]
    np.testing.assert_array_equal(counted.numpy(), expected)
    assert counted.dtype == tf.float32


def test_known_columns() -> None:
    counts = letter_ngram_counts(tf.constant(["Ab, abc!"]), 2).numpy()[0]
    assert counts[0 * 26 + 1] == 2  # ab
    assert counts[1 * 26 + 0] == 1  # ba, across the gap
    assert counts.sum() == 4
    inside = letter_ngram_counts(tf.constant(["Ab, abc!"]), 2, cross_words=False).numpy()[0]
    assert inside[1 * 26 + 0] == 0


@pytest.mark.parametrize("n", [2, 3])
def test_eager_and_tf_data_agree(n: int) -> None:
    captions = ["a man riding a horse", "", "x", "Two dogs."]
    dataset = (
        tf.data.Dataset.from_tensor_slices(captions).batch(3).map(lambda batch: letter_ngram_counts(batch, n))
    )
    assert dataset.element_spec.shape[1] == 26**n
    inside = np.concatenate(list(dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(inside, letter_ngram_counts(tf.constant(captions), n).numpy())
