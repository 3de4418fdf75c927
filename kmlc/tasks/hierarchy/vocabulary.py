"""The labels of both levels of a hierarchy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from kmlc.config import TableConfig
from kmlc.data.labels import Vocabulary
from kmlc.tasks.hierarchy import LEVELS
from kmlc.tasks.hierarchy.classes import Hierarchy


@dataclass(frozen=True)
class HierarchyVocabulary(Vocabulary):
    """The labels of the superclasses, then those of the subclasses; the two levels may share labels.

    Attributes:
        parents: the index of each subclass's superclass.
        novel: the labels of the novel superclass and of the novel subclass; they have no logit.
        held_out: names of the classes held out of training; they have no logit either. A superclass
            implies its subclasses.
        held_out_superclasses: labels of the superclasses held out of training.
        held_out_subclasses: labels of all subclasses held out of training.
    """

    parents: tuple[int, ...] = ()
    novel: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    held_out_superclasses: tuple[str, ...] = ()
    held_out_subclasses: tuple[str, ...] = ()

    @property
    def superclasses(self) -> int:
        """The number of superclasses."""
        return len(self) - len(self.parents)

    def check(self) -> None:
        """Raise a `ValueError` unless the classes are a hierarchy: superclasses with a subclass each."""
        super().check()
        if not self.parents or set(self.parents) != set(range(self.superclasses)) or len(self.novel) != 2:
            raise ValueError("parents, novel: expected a superclass of each subclass and two labels")

    @property
    def hierarchy(self) -> Hierarchy:
        """The classes by name."""
        return Hierarchy(*self.levels(self.names), self.parents)

    def levels(self, classes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Split a sequence over all classes into the superclasses' and the subclasses'."""
        return tuple(classes[: self.superclasses]), tuple(classes[self.superclasses :])

    def encode(self, rows: Iterable[Sequence[str]]) -> np.ndarray:
        """Return one-hot labels, uint8 of shape (rows, S + K), for rows of a superclass and a subclass.

        A label outside the vocabulary, such as that of a novel class, becomes zeros at its level.
        """
        rows, encoded = list(rows), []
        for level, labels in enumerate(self.levels(self.labels)):
            place = {label: index for index, label in enumerate(labels)}
            # The last row, of zeros, is for labels outside the vocabulary.
            one_hot = np.eye(len(labels) + 1, len(labels), dtype=np.uint8)
            encoded.append(one_hot[[place.get(row[level], len(labels)) for row in rows]])
        return np.concatenate(encoded, axis=1)

    def has(self, pair: Sequence[str]) -> bool:
        """Return whether a superclass and a subclass are labels of the data, novel and held-out ones too."""
        held_out = (self.held_out_superclasses, self.held_out_subclasses)
        levels = zip(pair, self.levels(self.labels), held_out, self.novel, strict=True)
        return all(label in (*known, *out, novel) for label, known, out, novel in levels)

    def seen(self, labels: np.ndarray) -> np.ndarray:
        """Return which subclasses encoded rows have, and which superclasses these have, bool (S + K,)."""
        subclasses = labels[:, self.superclasses :].any(axis=0)
        superclasses = np.isin(np.arange(self.superclasses), np.array(self.parents)[subclasses])
        return np.concatenate([superclasses, subclasses])

    def select(self, classes: np.ndarray) -> Self:
        """Return the vocabulary of some of the classes, bool (S + K,), superclasses with a subclass each."""
        place = np.cumsum(classes) - 1
        parents = place[np.array(self.parents)[classes[self.superclasses :]]]
        return replace(super().select(classes), parents=tuple(parents.tolist()))

    def columns(self, rows: np.ndarray, table: TableConfig) -> dict[str, list[str]]:
        """Return the two label columns of a table, by name, for encoded rows; zeros are novel."""
        is_superclass = np.arange(len(self)) < self.superclasses
        return {
            str(column): [self.decode(row) or novel for row in level]
            for column, level, novel in zip(
                (table.superclass_column, table.label_column),
                (rows * is_superclass, rows * ~is_superclass),
                self.novel,
                strict=True,
            )
        }

    def unique_labels(self) -> list[str]:
        """Return the labels prefixed with their level, as in `superclass 1` and `subclass 1`."""
        return self._after_level(self.labels)

    def display(self) -> list[str]:
        """Return each class for display, prefixed with its level: its label and its name, if they differ."""
        return self._after_level(super().display())

    def same_classes(self, other: Vocabulary) -> bool:
        """Return whether the classes and their superclasses are the same."""
        return super().same_classes(other) and self.parents == getattr(other, "parents", None)

    def validation_only(self, labels: np.ndarray) -> np.ndarray:
        """Return which encoded rows have a novel class at either level, bool of shape (rows,)."""
        known = labels[:, : self.superclasses].any(axis=1) & labels[:, self.superclasses :].any(axis=1)
        return np.logical_not(known)

    def _after_level(self, classes: Sequence[str]) -> list[str]:
        levels = zip(LEVELS, self.levels(classes), strict=True)
        return [f"{level} {each}" for level, names in levels for each in names]
