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
    true_sets, predicted_sets = _ancestor_sets(true, hierarchy), _ancestor_sets(predicted, hierarchy)
    true_positives = (true_sets & predicted_sets).sum()
    return {
        "superclass_accuracy": float(np.mean(true.superclasses == predicted.superclasses)),
        "subclass_accuracy": float(np.mean(true.subclasses == predicted.subclasses)),
        "hierarchical_precision": float(true_positives / predicted_sets.sum()),
        "hierarchical_recall": float(true_positives / true_sets.sum()),
        "hierarchical_f1": float(f1_of_counts(true_positives, predicted_sets.sum(), true_sets.sum())),
        "consistency": float(np.mean(hierarchy.consistent(predicted))),
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
