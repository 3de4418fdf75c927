from typing import Literal, get_args

import numpy as np
import pytest

from kmlc.config import CaptionsConfig
from kmlc.data.caption_encoders import caption_encoder, fit_captions, reads_any, unknown_share
from kmlc.data.columns import strings
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState

Encoder = Literal["none", "bigram", "trigram", "tfidf", "bert"]


@pytest.mark.parametrize(
    ("captions", "reading"),
    [
        ([], []),
        (["", " ", "\n\t"], []),
        (["\u200b\ufe0f"], []),  # a space without width and an invisible selector
        (["7!"], ["bert"]),
        (["😀"], ["bert"]),
        (["你好"], ["tfidf", "bert"]),
        (["كلب"], ["tfidf", "bert"]),
        (["", "ab"], ["bigram", "tfidf", "bert"]),
        (["dog"] * 300, ["bigram", "trigram", "tfidf", "bert"]),
        ([" "] * 300 + ["word " * 10_000], ["bigram", "trigram", "tfidf", "bert"]),
    ],
)
def test_what_an_encoder_reads(captions: list[str], reading: list[str]) -> None:
    found = [each for each in get_args(Encoder) if reads_any(CaptionsConfig(each), captions)]
    assert found == reading


def test_share_of_unknown_pieces() -> None:
    state = EncoderState((*SPECIAL_TOKENS, "a", "dog", "##s"))
    assert unknown_share(state, ["A dog!", "", "dogs"]) == 1 / 5
    assert unknown_share(state, ["a " * 10_000 + "bus"]) == 1 / 10_001
    assert unknown_share(state, []) == unknown_share(state, [" "]) == 0


def test_a_fitted_encoder_knows_its_captions() -> None:
    captions = ["Élan vital", "a dog", "a 犬"]
    state = fit_captions(CaptionsConfig(vocabulary_size=200), captions)
    assert unknown_share(state, captions) == 0
    assert fit_captions(CaptionsConfig("bigram"), captions) == EncoderState()


@pytest.mark.parametrize(
    ("words", "length"), [(0, 8), (6, 8), (7, 16), (14, 16), (22, 24), (30, 32), (31, 40), (90, 40)]
)
def test_the_longest_caption_of_a_batch_sets_its_length(words: int, length: int) -> None:
    """With its [CLS] and [SEP]; nothing but padding is cut."""
    config = CaptionsConfig(sequence_length=40)
    encode = caption_encoder(config, EncoderState((*SPECIAL_TOKENS, "a", "dog")))
    kept = encode.prepared(strings(["a dog", "a " * words, ""]))
    assert kept.shape == (3, 40)
    inputs = encode.inputs(kept)
    assert {value.shape for value in inputs.values()} == {(3, length)}
    assert inputs["padding_mask"].numpy().sum(axis=1).tolist() == [4, min(words + 2, 40), 2]
    np.testing.assert_array_equal(inputs["token_ids"], kept[:, :length])


def test_a_long_table_is_prepared_in_chunks() -> None:
    encode = caption_encoder(CaptionsConfig(), EncoderState((*SPECIAL_TOKENS, "a", "dog")))
    captions = strings(["a dog", "", "dog a dog"] * 1500)
    chunks = [encode.prepared(captions[[row]]) for row in range(3)]
    np.testing.assert_array_equal(encode.prepared(captions), np.tile(np.concatenate(chunks), (1500, 1)))
    assert encode.prepared(strings([])).shape == (0, 32)
