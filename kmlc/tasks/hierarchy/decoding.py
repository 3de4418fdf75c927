"""Decoding: from logits to the probabilities of both levels, and to a superclass and a subclass."""

from collections.abc import Callable

import numpy as np

from kmlc.tasks.hierarchy.classes import Classes, Hierarchy


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax of each row, float64, without overflow.

    Example:
        log_softmax(np.array([[0.0, -2000.0]]))  # [[0, -2000]]
    """
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def level_probabilities(logits: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the softmax over each level, float32 of shape (rows, S + K).

    This is the only place where the softmax is applied.

    Args:
        logits: float, shape (rows, S + K).
        hierarchy: the classes.

    Example:
        level_probabilities(np.zeros((1, 5)), hierarchy)  # with S = 2: [[1/2, 1/2, 1/3, 1/3, 1/3]]
    """
    levels = [np.exp(log_softmax(level)) for level in hierarchy.levels(logits)]
    return np.concatenate(levels, axis=1).astype(np.float32)


def decode(logits: np.ndarray, hierarchy: Hierarchy, method: str) -> Classes:
    """Predict a superclass and a subclass for each row.

    Args:
        logits: float, shape (rows, S + K), or log-probabilities.
        hierarchy: the classes.
        method: a name in `DECODINGS`.

    Example:
        decode(logits, hierarchy, "joint").subclasses
    """
    return DECODINGS[method](logits, hierarchy)


def independent(logits: np.ndarray, hierarchy: Hierarchy) -> Classes:
    """Predict each level separately; the two classes may contradict each other."""
    return Classes(*(level.argmax(axis=1) for level in hierarchy.levels(logits)))


def masked(logits: np.ndarray, hierarchy: Hierarchy) -> Classes:
    """Predict the superclass, then the best of its own subclasses."""
    superclass_logits, subclass_logits = hierarchy.levels(logits)
    superclasses = superclass_logits.argmax(axis=1)
    children = np.array(hierarchy.parents) == superclasses[:, None]
    return Classes(superclasses, np.where(children, subclass_logits, -np.inf).argmax(axis=1))


def joint(logits: np.ndarray, hierarchy: Hierarchy) -> Classes:
    """Predict the subclass with the highest sum of its log-probability and its superclass's."""
    parents = np.array(hierarchy.parents)
    of_superclasses, of_subclasses = map(log_softmax, hierarchy.levels(logits))
    subclasses = (of_superclasses[:, parents] + of_subclasses).argmax(axis=1)
    return Classes(parents[subclasses], subclasses)


DECODINGS: dict[str, Callable[[np.ndarray, Hierarchy], Classes]] = {
    "independent": independent,
    "masked": masked,
    "joint": joint,
}
"""Functions from logits to the classes of each row, by the name in `hierarchy.decoding`."""
