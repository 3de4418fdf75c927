"""Metrics of multi-label predictions, as scikit-learn defines them.

F1 is computed here from counts: scikit-learn treats a single class as a binary problem, where micro-F1 is
accuracy.
"""

from typing import Literal

import numpy as np
from scipy.special import expit
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    hamming_loss,
    precision_recall_fscore_support,
)

Average = Literal["micro", "macro", "samples"]
AVERAGES: tuple[Average, ...] = ("micro", "macro", "samples")


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the sigmoid of logits, float32 of the same shape; every other package calls this.

    Example:
        probabilities(np.array([0.0, -1000.0, 1000.0]))  # [0.5, 0, 1]
    """
    return expit(np.asarray(logits, np.float64)).astype(np.float32)


def f1(labels: np.ndarray, predictions: np.ndarray, average: Average) -> float:
    """Return the F1 of predicted labels.

    An undefined F1 counts as 0: with `samples` that of a row without true and predicted labels, with `macro`
    that of a class that is neither true nor predicted in any row.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        predictions: predicted labels, likewise.
        average: `micro` over all labels of all rows, `macro` over the classes, `samples` over the rows.

    Example:
        f1(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]]), "micro")  # 0.8
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    axis = {"micro": None, "macro": 0, "samples": 1}[average]
    true_positives = (labels & predictions).sum(axis=axis)
    return float(np.mean(f1_of_counts(true_positives, predictions.sum(axis=axis), labels.sum(axis=axis))))


def batch_macro_f1(labels: np.ndarray, predictions: np.ndarray, batch_size: int) -> float:
    """Return system 1's metric: the macro-F1 of each batch of rows, averaged over the batches.

    This is what torchmetrics' MultilabelF1Score returns batch by batch: a class that is neither true nor
    predicted in a batch counts as 0. With rare classes it is far below the macro-F1 of all rows.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        predictions: predicted labels, likewise.
        batch_size: rows of a batch; the last batch may have fewer.

    Example:
        batch_macro_f1(labels, scores >= 0.5, batch_size=16)
    """
    starts = range(0, len(labels), batch_size)
    batches = [slice(start, start + batch_size) for start in starts]
    return float(np.mean([f1(labels[rows], predictions[rows], "macro") for rows in batches]))


def f1_of_counts(true_positives: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return F1 from counts of labels; 0 where no label is true or predicted.

    Args:
        true_positives: number of labels that are true and predicted.
        predicted: number of predicted labels.
        true: number of true labels.
    """
    return 2 * true_positives / np.maximum(predicted + true, 1)


def evaluate(
    labels: np.ndarray, probabilities: np.ndarray, predictions: np.ndarray
) -> dict[str, float | None]:
    """Return the metrics of a set of rows.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        predictions: predicted labels, bool or 0/1, same shape.

    Returns:
        `micro_f1`, `macro_f1`, `samples_f1`, `micro_map`, `macro_map`, `hamming_loss`, `subset_accuracy`.
        Mean average precision is over the classes with a true label in some row; None if there is none.

    Example:
        evaluate(labels, scores, scores >= 0.5)["micro_f1"]
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    seen = labels.any(axis=0)
    average_precisions = _average_precisions(labels, probabilities)
    metrics: dict[str, float | None] = {
        f"{average}_f1": f1(labels, predictions, average) for average in AVERAGES
    }
    return metrics | {
        "micro_map": float(average_precision_score(labels.ravel(), probabilities.ravel()))
        if seen.any()
        else None,
        "macro_map": float(np.mean(average_precisions[seen])) if seen.any() else None,
        "hamming_loss": float(hamming_loss(labels, predictions)),
        "subset_accuracy": float(accuracy_score(labels, predictions)),
    }


def per_class(
    labels: np.ndarray, probabilities: np.ndarray, predictions: np.ndarray
) -> list[dict[str, float | int | None]]:
    """Return each class's `support`, `precision`, `recall`, `f1` and `average_precision`.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        predictions: predicted labels, bool or 0/1, same shape.

    Returns:
        One dict for each class. Average precision is None for a class without true labels; the others are 0
        where they are undefined.

    Example:
        per_class(labels, scores, scores >= 0.5)[0]["f1"]
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    # A single class is a binary problem to scikit-learn, whose positive label is 1.
    positive = [1] if labels.shape[1] == 1 else None
    precision, recall, f_score, support = precision_recall_fscore_support(
        labels, predictions, labels=positive, zero_division=0
    )
    columns = {
        "support": support,
        "precision": precision,
        "recall": recall,
        "f1": f_score,
        "average_precision": _average_precisions(labels, probabilities),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        dict(zip(columns, (None if np.isnan(value) else value for value in row), strict=True)) for row in rows
    ]


def _average_precisions(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return each class's average precision, NaN for a class without true labels."""
    seen = labels.any(axis=0)
    found = np.full(labels.shape[1], np.nan)
    if seen.any():
        # `labels[:, seen]` has its columns contiguous, which scikit-learn copies once for each class.
        labels, probabilities = (table.compress(seen, axis=1) for table in (labels, probabilities))
        found[seen] = average_precision_score(labels, probabilities, average=None)
    return found
