from typing import Literal, get_args

import pytest

from kmlc.config import CaptionsConfig
from kmlc.data.caption_encoders import fit_captions, reads_any, unknown_share
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState

Encoder = Literal["none", "bigram", "trigram", "bert"]


@pytest.mark.parametrize(
    ("captions", "reading"),
    [
        ([], []),
        (["", " ", "\n\t"], []),
        (["\u200b\ufe0f"], []),  # a space without width and an invisible selector
        (["7!"], ["bert"]),
        (["😀"], ["bert"]),
        (["你好"], ["bert"]),
        (["كلب"], ["bert"]),
        (["", "ab"], ["bigram", "bert"]),
        (["dog"] * 300, ["bigram", "trigram", "bert"]),
        ([" "] * 300 + ["word " * 10_000], ["bigram", "trigram", "bert"]),
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
