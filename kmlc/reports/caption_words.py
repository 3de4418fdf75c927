"""The words of captions, and which of them are characteristic of a label (system 2's caption analysis)."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import simplemma
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

# scikit-learn's list holds some words that carry a meaning, as the "fire" of fire hydrant (its faults are
# described by Nothman, Qin and Yurchak, "Stop Word Lists in Free Open-source Software Packages", 2018).
_MEANINGFUL = {"bill", "call", "cry", "describe", "detail", "fill", "find", "fire", "interest", "mill"}
_MEANINGFUL |= {"move", "show", "sincere", "system", "thick", "thin"}
STOP_WORDS = ENGLISH_STOP_WORDS - _MEANINGFUL
"""Words that a caption is cleaned of, before and after they are turned into lemmas."""

# Common words of captions that simplemma's dictionary gets wrong ("playing" would be "playe", and "skies"
# "ski"), or takes for a noun that a picture seldom shows.
_CORRECTED = {
    "graffiti": "graffiti",
    "hanging": "hang",
    "playing": "play",
    "poles": "pole",
    "propeller": "propeller",
    "sitting": "sit",
    "skies": "sky",
    "swinging": "swing",
    "travelling": "travel",
}

# What an apostrophe joins to a word (dog's, they're) is dropped; a word with n't is a stop word as a whole.
_JOINED = re.compile(r"\w+n't\b|(?<=\w)'\w*")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


def clean(caption: str) -> list[str]:
    """Return the words of an English caption: lower case, letters only, no stop words, as lemmas.

    A word has two letters or more, of any alphabet. Lemmas are simplemma's but for a few corrections; each
    word is looked up by itself, so that "painting" is "paint" and "building" stays, whatever is meant.

    Example:
        clean("The dog's owners were riding 2 horses.")  # ["dog", "owner", "ride", "horse"]
    """
    text = unicodedata.normalize("NFKC", caption).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = _JOINED.sub(" ", text)
    words = [word for word in _LETTERS.findall(text) if word not in STOP_WORDS]
    lemmas = [_CORRECTED.get(word) or simplemma.lemmatize(word, lang="en").lower() for word in words]
    return [lemma for lemma in lemmas if lemma not in STOP_WORDS]


def class_tfidf(captions: Sequence[Sequence[str]], labels: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Score how characteristic each word is of each class.

    The captions of all rows that have a class are one document, in which words are counted:

        idf(word) = ln((1 + n) / (1 + df(word))) + 1
        score(class, word) = count(class, word) · idf(word), each class scaled to a Euclidean norm of 1

    `n` is the number of captions with any word and `df` the number of captions that have the word; this is
    scikit-learn's TF-IDF. The idf is that of the captions and not of the class documents: of those there are
    few, and one caption with a second label carries a word from one into another. Among 18 of them "car" is
    everywhere and would count as little as "man".

    Args:
        captions: the words of each row, as `clean` returns them; a row may have none.
        labels: multi-hot labels of shape (rows, classes).

    Returns:
        The words by alphabet, and the scores, float64 of shape (classes, words).

    Raises:
        ValueError: if no row has a word.

    Example:
        words, scores = class_tfidf([["dog", "run"], ["cat"]], np.array([[1, 0], [0, 1]]))
    """
    vectorizer = TfidfVectorizer(analyzer=list)
    vectorizer.fit([words for words in captions if words])
    documents = [
        [word for words, has in zip(captions, column, strict=True) if has for word in words]
        for column in labels.T
    ]
    return list(vectorizer.get_feature_names_out()), vectorizer.transform(documents).toarray()


def strongest_words(
    captions: Sequence[Sequence[str]], labels: np.ndarray, count: int
) -> list[dict[str, float]]:
    """Return the words with the highest `class_tfidf` of each class, highest first, ties by alphabet.

    Args:
        captions: the words of each row.
        labels: multi-hot labels of shape (rows, classes).
        count: most words of a class; a class has fewer if its captions do.

    Returns:
        The score of each word, a mapping for each class.
    """
    words, scores = class_tfidf(captions, labels)
    strongest = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return [
        {words[place]: float(row[place]) for place in places if row[place] > 0}
        for row, places in zip(scores, strongest, strict=True)
    ]
