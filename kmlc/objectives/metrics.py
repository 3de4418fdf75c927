"""Metrics of multi-label predictions, as scikit-learn defines them.

All but average precision come from counts: scikit-learn takes a single class for a binary problem, where
micro-F1 is accuracy.
"""

from typing import Literal

import numpy as np
from sklearn.metrics import average_precision_score

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
    """Return the F1 of predicted labels.

    What is not defined counts as 0: with `samples` a row that has no label and gets none, with `macro` a
    class that no row has and none gets.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        predictions: predicted labels, likewise.
        average: micro over all labels of all rows, macro over the classes, samples over the rows.

    Example:
        f1(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]]), "micro")  # 0.8
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    axis = {"micro": None, "macro": 0, "samples": 1}[average]
    true_positives = (labels & predictions).sum(axis=axis)
    return float(np.mean(f1_of_counts(true_positives, predictions.sum(axis=axis), labels.sum(axis=axis))))


def batch_macro_f1(labels: np.ndarray, predictions: np.ndarray, batch_size: int) -> float:
    """Return system 1's metric: the macro-F1 of each batch of rows, averaged over the batches.

    As torchmetrics' MultilabelF1Score gives it batch by batch: a class that a batch neither has nor gets
    counts as 0. It is far below the macro-F1 of all rows where classes are rare.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        predictions: predicted labels, likewise.
        batch_size: rows of a batch; the last may have fewer.

    Example:
        batch_macro_f1(labels, scores >= 0.5, batch_size=16)
    """
    starts = range(0, len(labels), batch_size)
    batches = [slice(start, start + batch_size) for start in starts]
    return float(np.mean([f1(labels[rows], predictions[rows], "macro") for rows in batches]))


def f1_of_counts(true_positives: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return F1 from numbers of labels; 0 where nothing is true and nothing predicted.

    Args:
        true_positives: how many are both.
        predicted: how many are predicted.
        true: how many are true.
    """
    return 2 * true_positives / np.maximum(predicted + true, 1)


def evaluate(
    labels: np.ndarray, probabilities: np.ndarray, predictions: np.ndarray
) -> dict[str, float | None]:
    """Return the metrics of a whole set of rows.

    Args:
        labels: true labels, bool or 0/1, shape (rows, classes).
        probabilities: float, same shape.
        predictions: predicted labels, bool or 0/1, same shape.

    Returns:
        `micro_f1`, `macro_f1`, `samples_f1`, `micro_map`, `macro_map`, `hamming_loss`, `subset_accuracy`.
        Mean average precision is over the classes that some row has, None where there is none.

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
        "hamming_loss": float(np.mean(labels != predictions)),
        "subset_accuracy": float(np.mean((labels == predictions).all(axis=1))),
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
        One dict for each class. Average precision is None for a class that no row has; the others are 0 where
        they are not defined.

    Example:
        per_class(labels, scores, scores >= 0.5)[0]["f1"]
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    true_positives, predicted, true = (
        (labels & predictions).sum(axis=0),
        predictions.sum(axis=0),
        labels.sum(axis=0),
    )
    columns = {
        "support": true,
        "precision": true_positives / np.maximum(predicted, 1),
        "recall": true_positives / np.maximum(true, 1),
        "f1": f1_of_counts(true_positives, predicted, true),
        "average_precision": _average_precisions(labels, probabilities),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        dict(zip(columns, (None if np.isnan(value) else value for value in row), strict=True)) for row in rows
    ]


def _average_precisions(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return each class's average precision, NaN for a class that no row has."""
    return np.array(
        [
            average_precision_score(truth, scores) if truth.any() else np.nan
            for truth, scores in zip(labels.T, probabilities.T, strict=True)
        ]
    )
