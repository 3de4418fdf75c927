"""The words of captions, and which of them are characteristic of a label (system 2's caption analysis)."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import simplemma
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

# scikit-learn's list has some content words, such as the "fire" of "fire hydrant" (see Nothman, Qin and
# Yurchak, "Stop Word Lists in Free Open-source Software Packages", 2018).
_MEANINGFUL = {"bill", "call", "cry", "describe", "detail", "fill", "find", "fire", "interest", "mill"}
_MEANINGFUL |= {"move", "show", "sincere", "system", "thick", "thin"}
STOP_WORDS = ENGLISH_STOP_WORDS - _MEANINGFUL
"""Words that are removed from a caption, before and after lemmatisation."""

# Frequent caption words whose lemma in simplemma's dictionary is wrong ("playe" for "playing", "ski" for
# "skies") or an unlikely noun.
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

# Endings after an apostrophe (dog's, they're) are removed; a word with n't is removed as a whole.
_JOINED = re.compile(r"\w+n't\b|(?<=\w)'\w*")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


def clean(caption: str) -> list[str]:
    """Return the words of an English caption: lower case, letters only, no stop words, as lemmas.

    A word has at least two letters, of any alphabet. Lemmas are simplemma's with a few corrections. Words are
    looked up without context: "painting" is always "paint", and "building" always "building".

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

    The captions of all rows with a class form one document, in which words are counted:

        idf(word) = ln((1 + n) / (1 + df(word))) + 1
        score(class, word) = count(class, word) · idf(word), each class scaled to a Euclidean norm of 1

    `n` is the number of captions with any word and `df` the number of captions with the word; this is
    scikit-learn's TF-IDF. The idf is computed over captions, not over class documents: there are few of
    those, and a caption with two labels puts its words into both. In 18 class documents "car" occurs in all
    and would have as low an idf as "man".

    Args:
        captions: the words of each row, as `clean` returns them; a row may have none.
        labels: multi-hot labels of shape (rows, classes).

    Returns:
        The words in alphabetical order, and the scores, float64 of shape (classes, words).

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
    """Return the words with the highest `class_tfidf` of each class, highest first, ties alphabetically.

    Args:
        captions: the words of each row.
        labels: multi-hot labels of shape (rows, classes).
        count: maximum number of words of a class.

    Returns:
        For each class the score of each of its words.
    """
    words, scores = class_tfidf(captions, labels)
    strongest = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return [
        {words[place]: float(row[place]) for place in places if row[place] > 0}
        for row, places in zip(scores, strongest, strict=True)
    ]
