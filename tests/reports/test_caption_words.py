import collections
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.reports.caption_words import STOP_WORDS, class_tfidf, clean, strongest_words


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("The dogs were running", ["dog", "run"]),
        ("Women and CHILDREN eating Christmas pizzas.", ["woman", "child", "eat", "christmas", "pizza"]),
        (
            "men playing near a building under cloudy skies",
            ["man", "play", "near", "building", "cloudy", "sky"],
        ),
        ("a woman sitting on a bench", ["woman", "sit", "bench"]),
        ("The dog's owner isn't here; they can't ride.", ["dog", "owner", "ride"]),
        ("the cat\N{RIGHT SINGLE QUOTATION MARK}s bed", ["cat", "bed"]),
        ("with 'caution' tape, \"SPRAY\"", ["caution", "tape", "spray"]),
        ("a fire-hydrant on 42 streets", ["fire", "hydrant", "street"]),
        ("T-shirt x", ["shirt"]),
        ("cafe\N{COMBINING ACUTE ACCENT} caf\N{LATIN SMALL LETTER E WITH ACUTE}", ["café", "café"]),
        ("snow_board\nand\tski", ["snow", "board", "ski"]),
        ("123 ?!", []),
        ("", []),
    ],
)
def test_words_of_known_captions(caption: str, words: list[str]) -> None:
    assert clean(caption) == words


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_any_string_becomes_lower_case_words_of_letters(caption: str) -> None:
    for word in clean(caption):
        assert word.isalpha()
        assert word == word.lower()
        assert word not in STOP_WORDS


CAPTIONS = [["dog", "run", "dog"], ["cat"], [], ["dog", "cat", "park"], ["park"]]
LABELS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0], [0, 1, 0]], np.uint8)


def tfidf_in_python(captions: list[list[str]], labels: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The formula of `class_tfidf`, word by word."""
    vocabulary = sorted({word for words in captions for word in words})
    n = sum(1 for words in captions if words)
    scores = np.zeros((labels.shape[1], len(vocabulary)))
    for label in range(labels.shape[1]):
        counts = collections.Counter(
            word for words, row in zip(captions, labels, strict=True) if row[label] for word in words
        )
        for place, word in enumerate(vocabulary):
            df = sum(1 for words in captions if word in words)
            scores[label, place] = counts[word] * (math.log((1 + n) / (1 + df)) + 1)
    norms = np.sqrt((scores**2).sum(axis=1, keepdims=True))
    return vocabulary, scores / np.where(norms == 0, 1, norms)


def test_tfidf_equals_its_formula() -> None:
    words, scores = class_tfidf(CAPTIONS, LABELS)
    expected_words, expected = tfidf_in_python(CAPTIONS, LABELS)
    assert words == expected_words == ["cat", "dog", "park", "run"]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    # By hand: 4 captions have words; "dog" is in 2 of them and 3 times in class 0, "run" in 1 and once.
    assert scores[0, 1] / scores[0, 3] == pytest.approx(3 * (math.log(5 / 3) + 1) / (math.log(5 / 2) + 1))
    assert not scores[2].any()


@given(st.data())
@settings(max_examples=25)
def test_tfidf_equals_its_formula_on_any_rows(data: st.DataObject) -> None:
    word = st.sampled_from(["ant", "bee", "cow", "dog", "eel"])
    captions = data.draw(st.lists(st.lists(word, max_size=6), min_size=1, max_size=8))
    captions.append(["ant"])
    bits = st.lists(st.integers(0, 1), min_size=3, max_size=3)
    labels = np.array([data.draw(bits) for _ in captions], np.uint8)
    words, scores = class_tfidf(captions, labels)
    expected_words, expected = tfidf_in_python(captions, labels)
    assert words == expected_words
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_strongest_words_come_first_and_ties_in_alphabetical_order() -> None:
    captions = [["zebra", "ant", "bee", "zebra"], ["cow"], []]
    labels = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    strongest = strongest_words(captions, labels, 2)
    assert [list(words) for words in strongest] == [["zebra", "ant"], ["cow"], []]
    # All words have the same idf, so the scores are the counts 2, 1, 1 at a norm of 1.
    assert strongest[0] == pytest.approx({"zebra": 2 / math.sqrt(6), "ant": 1 / math.sqrt(6)})
    assert strongest[1] == pytest.approx({"cow": 1.0})
