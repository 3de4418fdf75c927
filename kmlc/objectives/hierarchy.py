"""A label hierarchy of two levels (system 4): its structure, decisions that respect it, and their metrics.

Labels and logits of both levels stand side by side in one array: first the S superclasses, then the K
subclasses. A row whose labels of a level are all zero is of no known class there: its class is "novel", which
has the index one past the last, S or K.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix

from kmlc.errors import UserError
from kmlc.objectives.metrics import f1_of_counts


class Classes(NamedTuple):
    """The class of each row at both levels, true or predicted.

    Attributes:
        superclasses: class indices, int of shape (rows,); S is novel.
        subclasses: class indices, int of shape (rows,); K is novel.
    """

    superclasses: np.ndarray
    subclasses: np.ndarray


@dataclass(frozen=True)
class Hierarchy:
    """Superclasses, and subclasses that each belong to one of them.

    Attributes:
        superclasses: names of the S superclasses.
        subclasses: names of the K subclasses.
        parents: the index of each subclass's superclass.
    """

    superclasses: tuple[str, ...]
    subclasses: tuple[str, ...]
    parents: tuple[int, ...]

    @classmethod
    def from_rows(
        cls, superclasses: tuple[str, ...], subclasses: tuple[str, ...], rows: np.ndarray
    ) -> "Hierarchy":
        """Learn the superclass of each subclass from labelled rows.

        Args:
            superclasses: names of the superclasses.
            subclasses: names of the subclasses.
            rows: (superclass index, subclass index) of each row, int of shape (rows, 2).

        Raises:
            UserError: if a subclass stands under two superclasses or in no row, or a superclass in no row.

        Example:
            rows = np.array([[1, 1], [0, 0], [1, 1]])
            Hierarchy.from_rows(("bird", "dog"), ("jay", "pug"), rows).parents  # (0, 1)
        """
        parents: dict[int, int] = {}
        for parent, child in np.unique(np.asarray(rows, int).reshape(-1, 2), axis=0).tolist():
            if child in parents:
                raise UserError(
                    f"hierarchy: expected one superclass for subclass {subclasses[child]!r}; "
                    f"got {superclasses[parents[child]]!r} and {superclasses[parent]!r}"
                )
            parents[child] = parent
        for level, names, seen in [
            ("superclass", superclasses, set(parents.values())),
            ("subclass", subclasses, set(parents)),
        ]:
            for index, name in enumerate(names):
                if index not in seen:
                    raise UserError(
                        f"hierarchy: expected rows of {level} {name!r}, with both labels; got none"
                    )
        return cls(superclasses, subclasses, tuple(parents[child] for child in range(len(subclasses))))

    def levels(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of the superclasses and those of the subclasses, of shape (rows, S + K)."""
        return values[:, : len(self.superclasses)], values[:, len(self.superclasses) :]

    def classes(self, labels: np.ndarray) -> Classes:
        """Return the class of each row of one-hot labels, shape (rows, S + K); all zero at a level is novel.

        Example:
            hierarchy.classes(np.array([[0, 1, 0, 0]]))  # a dog of no known subclass: [1] and [2]
        """
        return Classes(
            *(
                np.where(level.any(axis=1), level.argmax(axis=1), level.shape[1])
                for level in self.levels(labels)
            )
        )

    def one_hot(self, classes: Classes) -> np.ndarray:
        """Return one-hot labels, uint8 of shape (rows, S + K), from which `classes` comes to the same.

        Example:
            hierarchy.one_hot(Classes(np.array([1]), np.array([2])))  # [[0, 1, 0, 0]]
        """
        return np.concatenate(
            [
                np.eye(len(names) + 1, len(names), dtype=np.uint8)[indices]
                for names, indices in zip((self.superclasses, self.subclasses), classes, strict=True)
            ],
            axis=1,
        )

    def consistent(self, classes: Classes) -> np.ndarray:
        """Return for each row whether its subclass is one of its superclass, bool of shape (rows,).

        A novel subclass may belong to any superclass, a known one never to a novel superclass.
        """
        novel = classes.subclasses == len(self.subclasses)
        return novel | (np.append(self.parents, -1)[classes.subclasses] == classes.superclasses)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax of each row, float64, without overflow.

    Example:
        log_softmax(np.array([[0.0, -2000.0]]))  # [[0, -2000]]
    """
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def level_probabilities(logits: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the softmax over each level, float32 of shape (rows, S + K); the one place where it is taken.

    Args:
        logits: float, shape (rows, S + K).
        hierarchy: where the levels part.

    Example:
        level_probabilities(np.zeros((1, 5)), hierarchy)  # with S = 2: [[1/2, 1/2, 1/3, 1/3, 1/3]]
    """
    levels = [np.exp(log_softmax(level)) for level in hierarchy.levels(logits)]
    return np.concatenate(levels, axis=1).astype(np.float32)


def decode(logits: np.ndarray, hierarchy: Hierarchy, method: str) -> Classes:
    """Decide a superclass and a subclass for each row.

    Args:
        logits: float, shape (rows, S + K); log-probabilities, as of averaged models, do as well.
        hierarchy: the classes.
        method: a name in `DECODINGS`.

    Example:
        decode(logits, hierarchy, "joint").subclasses
    """
    return DECODINGS[method](logits, hierarchy)


def independent(logits: np.ndarray, hierarchy: Hierarchy) -> Classes:
    """Decide each level by itself; the two may contradict each other."""
    return Classes(*(level.argmax(axis=1) for level in hierarchy.levels(logits)))


def masked(logits: np.ndarray, hierarchy: Hierarchy) -> Classes:
    """Decide the superclass, then the best of its own subclasses."""
    superclass_logits, subclass_logits = hierarchy.levels(logits)
    superclasses = superclass_logits.argmax(axis=1)
    children = np.array(hierarchy.parents) == superclasses[:, None]
    return Classes(superclasses, np.where(children, subclass_logits, -np.inf).argmax(axis=1))


def joint(logits: np.ndarray, hierarchy: Hierarchy) -> Classes:
    """Decide the subclass whose log-probability and whose superclass's have the highest sum."""
    parents = np.array(hierarchy.parents)
    of_superclasses, of_subclasses = map(log_softmax, hierarchy.levels(logits))
    subclasses = (of_superclasses[:, parents] + of_subclasses).argmax(axis=1)
    return Classes(parents[subclasses], subclasses)


DECODINGS: dict[str, Callable[[np.ndarray, Hierarchy], Classes]] = {
    "independent": independent,
    "masked": masked,
    "joint": joint,
}
"""By name: from logits to the classes of each row."""


def evaluate_classes(true: Classes, predicted: Classes, hierarchy: Hierarchy) -> dict[str, float]:
    """Return the metrics of predicted classes.

    The hierarchical ones compare sets (Kiritchenko et al., Canadian AI 2006): a row's superclass and subclass
    and the superclass of its subclass, without the root. Their sizes are summed over all rows before they
    are divided. A novel class counts as one more class of its level, without a superclass of its own.

    Args:
        true: the true classes.
        predicted: the predicted classes.
        hierarchy: what they are classes of.

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
    """Return each row's set of classes: its two and the subclass's superclass, bool (rows, S + 1 + K + 1)."""
    superclasses = np.eye(len(hierarchy.superclasses) + 1, dtype=bool)
    subclasses = np.eye(len(hierarchy.subclasses) + 1, dtype=bool)
    no_parent = np.zeros_like(superclasses[:1])
    ancestors = np.concatenate([superclasses[list(hierarchy.parents)], no_parent])
    return np.concatenate(
        [superclasses[classes.superclasses] | ancestors[classes.subclasses], subclasses[classes.subclasses]],
        axis=1,
    )


def superclass_confusion(true: Classes, predicted: Classes, hierarchy: Hierarchy) -> np.ndarray:
    """Return how many rows of each superclass were predicted as each, the novel one last.

    Returns:
        int of shape (S + 1, S + 1), a row for each true superclass and a column for each predicted one.

    Example:
        superclass_confusion(true, predicted, hierarchy)[:-1, :-1]  # without novelty
    """
    every = np.arange(len(hierarchy.superclasses) + 1)
    return confusion_matrix(true.superclasses, predicted.superclasses, labels=every)


def weakest_subclasses(
    true: Classes, predicted: Classes, hierarchy: Hierarchy, count: int
) -> list[dict[str, str | int | float]]:
    """Return the subclasses with the lowest F1, lowest first, of those that some row has.

    Args:
        true: the true classes.
        predicted: the predicted classes.
        hierarchy: what they are classes of.
        count: how many to return at most.

    Returns:
        For each its `subclass` and `superclass` by name, `support`, `precision`, `recall` and `f1`; what is
        not defined is 0.

    Example:
        weakest_subclasses(true, predicted, hierarchy, 10)[0]["subclass"]
    """
    classes = len(hierarchy.subclasses)
    support, guesses, true_positives = (
        np.bincount(indices, minlength=classes + 1)[:classes]
        for indices in (
            true.subclasses,
            predicted.subclasses,
            true.subclasses[true.subclasses == predicted.subclasses],
        )
    )
    scores = f1_of_counts(true_positives, guesses, support)
    order = [index for index in np.argsort(scores, kind="stable") if support[index]]
    return [
        {
            "subclass": hierarchy.subclasses[index],
            "superclass": hierarchy.superclasses[hierarchy.parents[index]],
            "support": int(support[index]),
            "precision": float(true_positives[index] / max(guesses[index], 1)),
            "recall": float(true_positives[index] / support[index]),
            "f1": float(scores[index]),
        }
        for index in order[:count]
    ]
