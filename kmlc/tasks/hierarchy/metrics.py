"""Metrics of predicted classes: accuracy, hierarchical F1, confusion, the weakest subclasses."""

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from kmlc.objectives.metrics import f1_of_counts
from kmlc.tasks.hierarchy.classes import Classes, Hierarchy


def evaluate_classes(true: Classes, predicted: Classes, hierarchy: Hierarchy) -> dict[str, float]:
    """Return the metrics of predicted classes.

    Hierarchical precision, recall and F1 compare sets (Kiritchenko et al., Canadian AI 2006): a row's
    superclass, its subclass and the superclass of its subclass, without the root. The sizes of the sets are
    summed over all rows before they are divided. A novel class counts as one more class of its level; a novel
    subclass has no superclass.

    Args:
        true: the true classes.
        predicted: the predicted classes.
        hierarchy: the hierarchy of the classes.

    Returns:
        `superclass_accuracy`, `subclass_accuracy`, `hierarchical_precision`, `hierarchical_recall`,
        `hierarchical_f1`, and `consistency`, the share of rows whose predicted subclass belongs to the
        predicted superclass.

    Example:
        evaluate_classes(hierarchy.classes(labels), decode(logits, hierarchy, "joint"), hierarchy)
    """
    sums = row_counts(true, predicted, hierarchy).sum(axis=1)
    return {name: float(value) for name, value in metrics_of_sums(sums, len(true.superclasses)).items()}


def row_counts(true: Classes, predicted: Classes, hierarchy: Hierarchy) -> np.ndarray:
    """Return what each row adds to the metrics of `evaluate_classes`, float64 of shape (6, rows).

    They are: whether the superclass is right, whether the subclass is; the size of the intersection of both
    sets, of the predicted and of the true one; whether the predicted classes are consistent.
    """
    true_sets, predicted_sets = _ancestor_sets(true, hierarchy), _ancestor_sets(predicted, hierarchy)
    sets = [np.sum(each, axis=1) for each in (true_sets & predicted_sets, predicted_sets, true_sets)]
    correct = [one == other for one, other in zip(true, predicted, strict=True)]
    return np.stack([*correct, *sets, hierarchy.consistent(predicted)]).astype(np.float64)


def metrics_of_sums(sums: np.ndarray, rows: np.ndarray | int) -> dict[str, np.ndarray]:
    """Return the metrics of `evaluate_classes` from sums of `row_counts`.

    Args:
        sums: float64 of shape (6, …).
        rows: number of rows in each sum, of shape (…); without rows the metrics are NaN.
    """
    superclasses, subclasses, true_positives, predicted, true, consistent = sums
    with np.errstate(invalid="ignore"):
        return {
            "superclass_accuracy": superclasses / rows,
            "subclass_accuracy": subclasses / rows,
            "hierarchical_precision": true_positives / predicted,
            "hierarchical_recall": true_positives / true,
            "hierarchical_f1": np.where(true > 0, f1_of_counts(true_positives, predicted, true), np.nan),
            "consistency": consistent / rows,
        }


def _ancestor_sets(classes: Classes, hierarchy: Hierarchy) -> np.ndarray:
    """Return each row's set, bool (rows, S + 1 + K + 1): both classes and the subclass's superclass."""
    superclasses = np.eye(len(hierarchy.superclasses) + 1, dtype=bool)
    subclasses = np.eye(len(hierarchy.subclasses) + 1, dtype=bool)
    no_parent = np.zeros_like(superclasses[:1])
    ancestors = np.concatenate([superclasses[list(hierarchy.parents)], no_parent])
    return np.concatenate(
        [superclasses[classes.superclasses] | ancestors[classes.subclasses], subclasses[classes.subclasses]],
        axis=1,
    )


def superclass_confusion(true: Classes, predicted: Classes, hierarchy: Hierarchy) -> np.ndarray:
    """Return the confusion matrix of the superclasses, the novel one last.

    Returns:
        Counts, int of shape (S + 1, S + 1): a row for each true superclass, a column for each predicted one.

    Example:
        superclass_confusion(true, predicted, hierarchy)[:-1, :-1]  # without the novel class
    """
    every = np.arange(len(hierarchy.superclasses) + 1)
    return confusion_matrix(true.superclasses, predicted.superclasses, labels=every)


def weakest_subclasses(
    true: Classes, predicted: Classes, hierarchy: Hierarchy, count: int
) -> list[dict[str, str | int | float]]:
    """Return the subclasses with the lowest F1, lowest first, among those with true rows.

    Args:
        true: the true classes.
        predicted: the predicted classes.
        hierarchy: the hierarchy of the classes.
        count: the most subclasses to return.

    Returns:
        For each its `subclass` and `superclass` by name, `support`, `precision`, `recall` and `f1`; what is
        not defined is 0.

    Example:
        weakest_subclasses(true, predicted, hierarchy, 10)[0]["subclass"]
    """
    if not len(true.subclasses):
        return []
    every = np.arange(len(hierarchy.subclasses))
    precision, recall, f1, support = precision_recall_fscore_support(
        true.subclasses, predicted.subclasses, labels=every, zero_division=0
    )
    order = [index for index in np.argsort(f1, kind="stable") if support[index]]
    return [
        {
            "subclass": hierarchy.subclasses[index],
            "superclass": hierarchy.superclasses[hierarchy.parents[index]],
            "support": int(support[index]),
            "precision": float(precision[index]),
            "recall": float(recall[index]),
            "f1": float(f1[index]),
        }
        for index in order[:count]
    ]
