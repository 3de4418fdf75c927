"""The classes of a two-level hierarchy, and the class of each row at both levels.

Labels and logits of both levels lie side by side in one array: first the S superclasses, then the K
subclasses. If all labels of a row are zero at a level, the row has no known class there: its class is
"novel", with index S or K.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kmlc.errors import UserError


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
        """Find the superclass of each subclass in labelled rows.

        Args:
            superclasses: names of the superclasses.
            subclasses: names of the subclasses.
            rows: (superclass index, subclass index) of each row, int of shape (rows, 2).

        Raises:
            UserError: if a subclass has two superclasses, or a class has no row.

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
        """Split columns, shape (rows, S + K), into those of the superclasses and those of the subclasses."""
        return values[:, : len(self.superclasses)], values[:, len(self.superclasses) :]

    def classes(self, labels: np.ndarray) -> Classes:
        """Return the class of each row of one-hot labels, shape (rows, S + K).

        Example:
            hierarchy.classes(np.array([[0, 1, 0, 0]]))  # a dog of a novel subclass: [1] and [2]
        """
        return Classes(
            *(
                np.where(level.any(axis=1), level.argmax(axis=1), level.shape[1])
                for level in self.levels(labels)
            )
        )

    def one_hot(self, classes: Classes) -> np.ndarray:
        """Return one-hot labels, uint8 of shape (rows, S + K); the inverse of `classes`.

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
        """Return for each row whether its subclass belongs to its superclass, bool of shape (rows,).

        A novel subclass may belong to any superclass; a known one never belongs to a novel superclass.
        """
        novel = classes.subclasses == len(self.subclasses)
        return novel | (np.append(self.parents, -1)[classes.subclasses] == classes.superclasses)
