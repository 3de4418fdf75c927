"""Novelty detection: which rows belong to no known class, from the logits of each level (system 4).

A score grows with novelty; a row is novel at a level if its score is above the level's threshold. Thresholds
are fitted on validation rows only. Held-out classes can serve as novel ones: their rows are not trained on,
and their labels are all zero.
"""

import math
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from kmlc.errors import UserError
from kmlc.tasks.hierarchy.classes import Classes, Hierarchy
from kmlc.tasks.hierarchy.decoding import log_softmax


def max_probability(logits: np.ndarray) -> np.ndarray:
    """Return 1 minus the highest softmax probability (Hendrycks and Gimpel, ICLR 2017)."""
    # The sum of all the others: 1 - p itself rounds to 0 where p is high.
    return np.exp(np.sort(log_softmax(logits), axis=1)[:, :-1]).sum(axis=1)


def max_logit(logits: np.ndarray) -> np.ndarray:
    """Return minus the highest logit (Hendrycks et al., ICML 2022)."""
    return -np.asarray(logits, np.float64).max(axis=1)


def energy(logits: np.ndarray) -> np.ndarray:
    """Return the energy, `-log Σ exp(logit)`, at temperature 1 (Liu et al., NeurIPS 2020)."""
    return -np.logaddexp.reduce(np.asarray(logits, np.float64), axis=1)


def entropy(logits: np.ndarray) -> np.ndarray:
    """Return the entropy of the softmax, in nats."""
    logarithms = log_softmax(logits)
    return -(np.exp(logarithms) * logarithms).sum(axis=1)


SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "max_probability": max_probability,
    "max_logit": max_logit,
    "energy": energy,
    "entropy": entropy,
}
"""Functions from the logits of one level, (rows, classes), to float64 scores, (rows,), by name."""


def novelty_scores(logits: np.ndarray, hierarchy: Hierarchy, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the novelty score of each row at each level.

    A row of a novel superclass has a novel subclass too, so both heads give evidence of it: the superclass
    score is the sum of the scores of both heads, the subclass score that of the subclass head alone. With one
    of three superclasses held out, the sum raised the superclass AUROC from .973 to .996.

    Args:
        logits: float, shape (rows, S + K).
        hierarchy: the classes.
        name: a name in `SCORES`.

    Returns:
        The superclass scores and the subclass scores, float64 of shape (rows,) each.

    Example:
        superclass_scores, subclass_scores = novelty_scores(logits, hierarchy, "energy")
    """
    superclass_logits, subclass_logits = hierarchy.levels(logits)
    subclass_scores = SCORES[name](subclass_logits)
    return SCORES[name](superclass_logits) + subclass_scores, subclass_scores


def novelty_auroc(scores: np.ndarray, novel: np.ndarray) -> float | None:
    """Return the area under the ROC curve; None unless there are both novel and known rows.

    Args:
        scores: float, shape (rows,).
        novel: which rows are novel, bool or 0/1, shape (rows,).

    Example:
        novelty_auroc(np.array([0.1, 0.9]), np.array([0, 1]))  # 1.0
    """
    return float(roc_auc_score(novel, scores)) if 0 < np.mean(novel) < 1 else None


def fit_novelty_threshold(scores: np.ndarray, novel: np.ndarray, known_share: float = 0.95) -> float:
    """Return the threshold of one level; rows with a score above it are novel.

    With novel rows it is the threshold with the highest balanced accuracy, the mean of specificity (known
    rows that pass) and recall (novel rows above the threshold); ties go to the highest threshold. Unlike F1,
    balanced accuracy does not depend on the share of novel rows, which may differ in the rows to predict.
    Without novel rows it is the lowest threshold that at least `known_share` of the rows pass.

    A threshold lies halfway between neighbouring scores, or at the highest score, which all rows pass.

    Args:
        scores: float, shape (rows,).
        novel: which rows are novel, bool or 0/1, shape (rows,).
        known_share: the share of known rows that must pass if no row is novel, above 0, at most 1.

    Raises:
        UserError: if no row is known.

    Example:
        fit_novelty_threshold(np.array([0.1, 0.2, 0.8]), np.array([0, 0, 1]))  # 0.5
    """
    scores, novel = np.asarray(scores, np.float64), np.asarray(novel, bool)
    known_scores, novel_scores = np.sort(scores[~novel]), np.sort(scores[novel])
    if not len(known_scores):
        raise UserError("novelty threshold: expected validation rows of known classes; got none")
    values = np.unique(scores)
    # Rounding may move the middle of two neighbours up to the higher one, which must stay above it.
    halfway = np.minimum((values[:-1] + values[1:]) / 2, np.nextafter(values[1:], -np.inf))
    thresholds = np.append(halfway, values[-1])
    passed = np.searchsorted(known_scores, thresholds, side="right")
    if not len(novel_scores):
        return float(thresholds[np.searchsorted(passed, math.ceil(known_share * len(known_scores)))])
    missed = np.searchsorted(novel_scores, thresholds, side="right")
    # The balanced accuracy, scaled and shifted to integers, so that ties are exact.
    gains = passed * len(novel_scores) - missed * len(known_scores)
    return float(thresholds[len(gains) - 1 - int(gains[::-1].argmax())])


def mark_novel(
    predicted: Classes,
    scores: tuple[np.ndarray, np.ndarray],
    thresholds: tuple[float, float],
    hierarchy: Hierarchy,
) -> Classes:
    """Return predicted classes, those of novel rows replaced by the novel class, S or K.

    A row with a novel superclass has a novel subclass too.

    Args:
        predicted: classes as `decode` predicts them.
        scores: of the superclasses and of the subclasses, as `novelty_scores` returns them.
        thresholds: of the superclasses and of the subclasses, as `fit_novelty_threshold` returns them.
        hierarchy: the hierarchy of the classes.

    Example:
        mark_novel(decode(logits, hierarchy, "joint"), scores, (0.3, 0.6), hierarchy)
    """
    novel_superclass, novel_subclass = (
        level > np.float64(threshold) for level, threshold in zip(scores, thresholds, strict=True)
    )
    return Classes(
        np.where(novel_superclass, len(hierarchy.superclasses), predicted.superclasses),
        np.where(novel_superclass | novel_subclass, len(hierarchy.subclasses), predicted.subclasses),
    )
