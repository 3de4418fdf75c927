"""Figures of multi-label predictions, as scikit-learn defines them."""

from typing import Literal

import numpy as np
from sklearn.metrics import average_precision_score, hamming_loss, precision_recall_fscore_support

Average = Literal["micro", "macro", "samples"]
AVERAGES: tuple[Average, ...] = ("micro", "macro", "samples")


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the sigmoid of logits, float32 of the same shape; the one place where it is taken.

    Example:
        probabilities(np.array([0.0, -1000.0, 1000.0]))  # [0.5, 0, 1]
    """
    # Neither overflows nor loses the small side, as 1 / (1 + exp(-x)) does.
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64))).astype(np.float32)


def f1(labels: np.ndarray, predictions: np.ndarray, average: Average) -> float:
    """Return the F1 of decided labels.

    What is not defined counts as 0: with `samples` a row that has no label and gets none, with `macro` a
    class that no row has and none gets.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        predictions: decided labels, likewise.
        average: micro over all labels of all rows, macro over the classes, samples over the rows.

    Example:
        f1(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]]), "micro")  # 0.8
    """
    scores = precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
    return float(scores[2])


def evaluate(
    labels: np.ndarray, probabilities: np.ndarray, predictions: np.ndarray
) -> dict[str, float | None]:
    """Return the figures of a whole set of rows.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        predictions: decided labels, bool or 0/1, same shape.

    Returns:
        `micro_f1`, `macro_f1`, `samples_f1`, `micro_map`, `macro_map`, `hamming_loss`, `subset_accuracy`.
        Mean average precision is over the classes that some row has, None where there is none.

    Example:
        evaluate(labels, scores, scores >= 0.5)["micro_f1"]
    """
    labels, predictions = labels.astype(np.int8), predictions.astype(np.int8)
    seen = labels.any(axis=0)
    average_precisions = _average_precisions(labels, probabilities)
    figures: dict[str, float | None] = {
        f"{average}_f1": f1(labels, predictions, average) for average in AVERAGES
    }
    return figures | {
        "micro_map": float(average_precision_score(labels.ravel(), probabilities.ravel()))
        if seen.any()
        else None,
        "macro_map": float(np.mean(average_precisions[seen])) if seen.any() else None,
        "hamming_loss": float(hamming_loss(labels, predictions)),
        "subset_accuracy": float(np.mean((labels == predictions).all(axis=1))),
    }


def per_class(
    labels: np.ndarray, probabilities: np.ndarray, predictions: np.ndarray
) -> list[dict[str, float | int | None]]:
    """Return each class's `support`, `precision`, `recall`, `f1` and `average_precision`.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        predictions: decided labels, bool or 0/1, same shape.

    Returns:
        One dict for each class. Average precision is None for a class that no row has; the others are 0 where
        they are not defined.

    Example:
        per_class(labels, scores, scores >= 0.5)[0]["f1"]
    """
    labels, predictions = labels.astype(np.int8), predictions.astype(np.int8)
    precision, recall, scores, support = precision_recall_fscore_support(labels, predictions, zero_division=0)
    return [
        {
            "support": int(support[place]),
            "precision": float(precision[place]),
            "recall": float(recall[place]),
            "f1": float(scores[place]),
            "average_precision": None if np.isnan(average_precision) else float(average_precision),
        }
        for place, average_precision in enumerate(_average_precisions(labels, probabilities))
    ]


def _average_precisions(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return each class's average precision, NaN for a class that no row has."""
    return np.array(
        [
            average_precision_score(truth, scores) if truth.any() else np.nan
            for truth, scores in zip(labels.T, probabilities.T, strict=True)
        ]
    )
