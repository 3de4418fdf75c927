import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from kmlc.config import CaptionsConfig
from kmlc.data.caption_encoders import caption_encoder, fit_captions
from kmlc.data.columns import strings
from kmlc.data.encoder_state import EncoderState
from kmlc.data.tfidf import fit_terms, has_term

SETTINGS = CaptionsConfig("tfidf")
WORDS = st.lists(st.sampled_from(["a", "red", "Red", "bus", "bus,", "犬", "犬が", "😀", "x_1", "ﬁre", "é"]))
CAPTION = st.text(max_size=30) | WORDS.map(" ".join)


def dense(inputs: dict[str, tf.Tensor], width: int) -> np.ndarray:
    """A batch as the rows of a whole matrix, padding included."""
    ids, weights = (inputs[name].numpy() for name in ("term_ids", "term_weights"))
    matrix = np.zeros((len(ids), width))
    np.add.at(matrix, (np.arange(len(ids))[:, None], ids), weights)
    return matrix


@given(captions=st.lists(CAPTION, min_size=1, max_size=5), others=st.lists(CAPTION, min_size=1, max_size=5))
@settings(max_examples=40)
def test_weights_are_those_of_scikit_learn(captions: list[str], others: list[str]) -> None:
    captions = [*captions, "a red bus"]
    state = fit_captions(SETTINGS, strings(captions))
    reference = TfidfVectorizer(lowercase=True, ngram_range=(1, 2), sublinear_tf=True, norm="l2")
    reference.fit(captions)
    assert state.terms == tuple(reference.get_feature_names_out())
    np.testing.assert_allclose(state.idf, reference.idf_)
    encode = caption_encoder(SETTINGS, state)
    for each in (captions, others):
        expected = reference.transform(each).toarray()
        kept = encode.prepared(strings(each))
        found = dense(encode.inputs(tf.constant(kept.tolist(), tf.string)), len(state.terms))
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert [has_term(caption) for caption in captions] == [
        bool(reference.build_analyzer()(caption)) for caption in captions
    ]


def test_known_weights() -> None:
    """Two captions, by hand: idf = ln((1 + 2) / (1 + df)) + 1, sublinear counts, a norm of 1."""
    state = fit_captions(SETTINGS, ["dog dog", "A dog, cat"])
    assert state.terms == ("cat", "dog", "dog cat", "dog dog")
    np.testing.assert_allclose(state.idf, [1 + np.log(3 / 2), 1, 1 + np.log(3 / 2), 1 + np.log(3 / 2)])
    weights = np.array([0, 1 + np.log(2), 0, 1 + np.log(3 / 2)])
    inputs = caption_encoder(SETTINGS, state)(tf.constant(["dog dog"]))
    np.testing.assert_allclose(dense(inputs, 4)[0], weights / np.linalg.norm(weights), atol=1e-6)


def test_the_most_frequent_terms_are_kept() -> None:
    assert fit_terms(["dog cat", "dog bus", "dog cat"], size=3)[0] == ("cat", "dog", "dog cat")


def test_a_caption_without_a_known_term_has_no_weights() -> None:
    encode = caption_encoder(SETTINGS, EncoderState(terms=("bus", "dog"), idf=(1.0, 2.0)))
    inputs = encode(tf.constant(["", "zebra", "你好", "😀", "a"]))
    assert inputs["term_ids"].shape == inputs["term_weights"].shape == (5, 16)
    assert not inputs["term_weights"].numpy().any()


@pytest.mark.parametrize(("words", "length"), [(16, 16), (17, 32), (10_000, 16_384)])
def test_no_term_of_a_long_caption_is_lost(words: int, length: int) -> None:
    """The longest caption of a batch sets its length."""
    terms = tuple(f"w{number:05d}" for number in range(words))
    encode = caption_encoder(SETTINGS, EncoderState(terms=terms, idf=(1.0,) * words))
    inputs = encode.inputs(tf.constant(encode.prepared(strings([" ".join(terms), "w00003"])).tolist()))
    assert inputs["term_ids"].shape == (2, length)
    expected = np.zeros((2, words))
    expected[0], expected[1, 3] = words**-0.5, 1
    np.testing.assert_allclose(dense(inputs, words), expected, rtol=1e-5)
