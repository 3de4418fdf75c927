"""The tokenizer against KerasHub's, which computes the same in a traced function."""

import functools
from collections.abc import Callable

import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.framework import func_graph

from kmlc.config import CaptionsConfig
from kmlc.data.caption_encoders import caption_encoder, reads_any, unknown_share
from kmlc.data.columns import strings
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState
from kmlc.data.tokenizer import packer, word_piece_tokenizer

PIECES = ("a", "b", "e", "é", "B", "##a", "##b", "##é", "ab", "bus", "##es", "犬", "!", "[", "#", "##s", "😀")
FOREIGN = [
    "Élan ABBA busés!",
    "a\u3000b\u00a0a\u200bb",
    "日本犬",
    "[PAD] ##s [MASK]",
    "😀😀 ❤️",
    "b" * 150,
    "\x00a",
]
LENGTH = 9
WILD = st.text(st.sampled_from("abesB éÉ犬[]#!😀\u0301\u200b\t") | st.characters(exclude_categories=["Cs"]))


@functools.cache
def state(lowercase: bool) -> EncoderState:
    return EncoderState((*SPECIAL_TOKENS, *PIECES), lowercase)


@functools.cache
def reference(lowercase: bool) -> Callable[[list[str]], np.ndarray]:
    """KerasHub's tokenizer and packer."""
    tokenizer = keras_hub.tokenizers.BertTokenizer(
        vocabulary=[*SPECIAL_TOKENS, *PIECES], lowercase=lowercase, strip_accents=lowercase
    )
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=LENGTH)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def pack(captions: tf.Tensor) -> tf.Tensor:
        return preprocessor(tf.strings.regex_replace(captions, r"\p{Z}", " "))["token_ids"]

    return lambda captions: pack(tf.constant(captions)).numpy()


@pytest.mark.parametrize("lowercase", [True, False])
@given(captions=st.lists(WILD, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_token_ids_are_those_of_keras_hub(lowercase: bool, captions: list[str]) -> None:
    captions = [*FOREIGN, *captions, ""]
    ids = packer(state(lowercase), LENGTH)(tf.constant(captions))
    assert ids.dtype == np.uint16
    np.testing.assert_array_equal(ids, reference(lowercase)(captions))


@pytest.mark.parametrize(("length", "ids"), [(1, [2]), (2, [2, 3]), (3, [2, 7, 3]), (5, [2, 7, 3, 0, 0])])
def test_the_shortest_sequences(length: int, ids: list[int]) -> None:
    """As KerasHub truncates them."""
    assert packer(EncoderState((*SPECIAL_TOKENS, "a", "b", "e")), length)(tf.constant(["e"])).tolist() == [
        ids
    ]


def test_ids_of_a_large_vocabulary_have_32_bits() -> None:
    pieces = (*SPECIAL_TOKENS, *(f"w{number}" for number in range(70_000)))
    ids = packer(EncoderState(pieces), 4)(tf.constant(["w69999"]))
    assert ids.dtype == np.int32
    assert ids.tolist() == [[2, 70_004, 3, 0]]


def test_word_pieces_of_whole_captions() -> None:
    pieces = word_piece_tokenizer(state(lowercase=True))(tf.constant(["Abbus, buses", ""]))
    assert [[([*SPECIAL_TOKENS, *PIECES])[each] for each in caption] for caption in pieces.to_list()] == [
        ["[UNK]", "[UNK]", "bus", "##es"],
        [],
    ]


def test_captions_are_prepared_without_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokenising was traced five times before the first step, four seconds of processor."""

    def traced(*arguments: object, **more: object) -> None:
        raise AssertionError("a function was traced")

    monkeypatch.setattr(func_graph.FuncGraph, "__init__", traced)
    with pytest.raises(AssertionError, match="traced"):
        tf.function(lambda: 1)()
    config = CaptionsConfig()
    assert reads_any(config, ["a bus"])
    assert unknown_share(state(lowercase=True), ["a bus ab"]) == 0
    assert caption_encoder(config, state(lowercase=True)).prepared(strings(["a bus"])).shape == (1, 32)
