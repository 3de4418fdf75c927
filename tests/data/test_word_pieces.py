import os
import subprocess
import sys

import keras_hub
import pytest
import tensorflow as tf

from kmlc.data.encoder_state import SPECIAL_TOKENS
from kmlc.data.word_pieces import fit_vocabulary
from kmlc.errors import UserError
from tests.helpers import ROOT

# 90 words that share letters: there are many pairs of letters with equal counts.
CAPTIONS = [f"{a}{b}{c} {c}{a}{b}s {b}{a}{c}ing" for a in "abc" for b in "defgh" for c in "ij"] * 3

FOREIGN = [
    "Straße ÉCOLE ΣΑΣ İstanbul",
    "a\u3000b c\u00a0d e\u200bf",
    "日本語のテスト, 犬!",
    "كلب أسود",
    "don't [MASK] ##s 3.5€",
    "😀😀 ❤️",
    "x" * 150,
] * 2


@pytest.mark.parametrize("size", [6, 7, 20, 37, 60, 100, 5000])
@pytest.mark.parametrize("captions", [CAPTIONS, FOREIGN])
def test_size_is_an_exact_limit(captions: list[str], size: int) -> None:
    """The learner of tensorflow-text took the size for a hint: asked for 8,000 pieces, it gave 14,435."""
    pieces = fit_vocabulary(captions, size)
    assert pieces[:5] == SPECIAL_TOKENS
    assert len(set(pieces)) == len(pieces) <= size
    if captions is CAPTIONS and 20 <= size <= 100:
        assert len(pieces) == size


def test_words_without_room_for_their_characters_are_left_out() -> None:
    """The most frequent characters stay; of 出 and 口, equally frequent, the lower code point."""
    assert fit_vocabulary(["犬口 犬出 猫 犬猫"], 8)[5:] == ("出", "犬", "猫")
    assert fit_vocabulary(["犬口 犬出 猫 犬猫"], 6)[5:] == ("犬",)


def test_every_piece_that_begins_a_word_is_found_by_the_tokenizer() -> None:
    pieces = fit_vocabulary(CAPTIONS + FOREIGN, 400)
    tokenizer = keras_hub.tokenizers.BertTokenizer(
        vocabulary=list(pieces), lowercase=True, strip_accents=True, dtype="string"
    )
    begin = [piece for piece in pieces[5:] if not piece.startswith("##")]
    batches = tf.data.Dataset.from_tensors(begin).map(tokenizer)
    assert [[each.decode() for each in found] for found in next(iter(batches)).numpy()] == [
        [piece] for piece in begin
    ]
    assert {"strasse", "ecole", "犬", "😀😀"} <= set(begin)


def test_frequent_words_are_pieces() -> None:
    pieces = fit_vocabulary(["a dog", "the dog", "one bus"], 100)
    assert "dog" in pieces
    assert "bus" not in pieces
    assert {"b", "##u", "##s"} <= set(pieces)


@pytest.mark.parametrize("captions", [[], ["", " "]])
def test_captions_without_words_have_the_special_tokens_alone(captions: list[str]) -> None:
    """The learner of tensorflow-text ended in StopIteration."""
    assert fit_vocabulary(captions, 100) == SPECIAL_TOKENS


@pytest.mark.parametrize("size", [1, 5])
def test_no_room_besides_special_tokens_is_an_error(size: int) -> None:
    with pytest.raises(UserError, match=rf"vocabulary_size: expected 6 or more, .*; got {size}$"):
        fit_vocabulary(CAPTIONS, size)


@pytest.mark.slow
def test_other_processes_and_threads_fit_the_same_vocabulary() -> None:
    """The trainer's own order of characters, and with it ties between pairs, differs between processes."""
    code = (
        "from tests.data.test_word_pieces import CAPTIONS\n"
        "from kmlc.data.word_pieces import fit_vocabulary\n"
        "print(ascii(fit_vocabulary(CAPTIONS, 60)))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "RAYON_NUM_THREADS": "1"}
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout == ascii(fit_vocabulary(CAPTIONS, 60)) + "\n"
