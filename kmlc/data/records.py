"""Records: the rows of a table with what is needed to make batches of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kmlc.config import LabelKind
from kmlc.data.columns import RowView, strings
from kmlc.data.data_report import TableReport
from kmlc.data.image_facts import NO_IMAGE
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError


@dataclass(frozen=True)
class Records:
    """Rows in the order of their table, as columns.

    Attributes:
        ids: the image names, as the table writes them; strings of shape (rows,).
        images: the path of each image file, strings, or objects where some are the bytes of a file; "" where
            there is no readable image, which a placeholder image then replaces.
        captions: the captions, strings, "" where there is none.
        labels: multi-hot labels, uint8 of shape (rows, classes); no classes where labels are not known.
        features: feature vectors, float32 of shape (rows, width); None where images are read.
        facts: what is known of each image, `FACTS` of shape (rows,); None where no image is read.
    """

    ids: np.ndarray
    images: np.ndarray
    captions: np.ndarray
    labels: np.ndarray
    features: RowView | None = None
    facts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sha256(self) -> np.ndarray:
        """The hash of each image file, bytes in hexadecimal; b"" where there is no readable image."""
        return np.zeros(len(self), "S64") if self.facts is None else self.facts["sha256"]

    @cached_property
    def groups(self) -> np.ndarray:
        """Group id of each row, int64 (rows,); rows with the same image share one.

        Groups are numbered from 0 in the order of their first rows. Rows without an image are of one group if
        their names are the same, as `1.jpg` and `./1.jpg`.
        """
        keys = (
            sha256.decode() or f"name {os.path.normpath(name)}"
            for sha256, name in zip(self.sha256, self.ids, strict=True)
        )
        _, first, group = np.unique(strings(keys, len(self)), return_index=True, return_inverse=True)
        numbers = np.empty(len(first), np.int64)
        numbers[np.argsort(first)] = np.arange(len(first))
        return numbers[group]

    @property
    def orientations(self) -> np.ndarray:
        """The EXIF orientation of each image, uint8 (rows,); 1 where there is no image."""
        return np.ones(len(self), np.uint8) if self.facts is None else self.facts["orientation"]

    def take(self, rows: Sequence[int] | np.ndarray) -> "Records":
        """Return the given rows, in the given order; feature vectors are not copied."""
        rows = np.asarray(rows, np.int64)
        return Records(
            self.ids[rows],
            self.images[rows],
            self.captions[rows],
            self.labels[rows],
            None if self.features is None else self.features.take(rows),
            None if self.facts is None else self.facts[rows],
        )


def joined(parts: Sequence[Records]) -> Records:
    """Return the rows of all parts, in order, without their labels and feature vectors.

    Example:
        joined([training, validation])
    """
    ids, images, captions = (
        np.concatenate([getattr(each, name) for each in parts]) for name in ("ids", "images", "captions")
    )
    facts = [np.full(len(each), NO_IMAGE) if each.facts is None else each.facts for each in parts]
    return Records(ids, images, captions, unknown_labels(len(ids)), None, np.concatenate(facts))


def unknown_labels(rows: int) -> np.ndarray:
    """Return the labels of rows whose labels are not known: shape (rows, 0)."""
    return np.zeros((rows, 0), np.uint8)


@dataclass(frozen=True)
class LabelledData:
    """The labelled rows that can be trained on.

    Attributes:
        records: the rows, with labels.
        vocabulary: the labels in the order of the classes.
        report: what was found in their table.
        label_kind: the resolved value of `labels.kind: auto`.
        classes_given: whether the vocabulary is given with the data, and not that of its rows.
    """

    records: Records
    vocabulary: Vocabulary
    report: TableReport
    label_kind: LabelKind
    classes_given: bool = False

    def take(self, rows: Sequence[int] | np.ndarray) -> "LabelledData":
        """Return the given rows, in the given order, with the classes that they have."""
        return replace(self, records=self.records.take(rows)).with_own_classes()

    def with_own_classes(self) -> "LabelledData":
        """Return the data without the classes that no row has, and with its rows and labels counted.

        A class without a row would have an F1 of 0, whatever is predicted. A given vocabulary keeps them all.

        Raises:
            UserError: if no class is left.
        """
        records, vocabulary = self.records, self.vocabulary
        if not self.classes_given:
            seen = vocabulary.seen(records.labels)
            if not seen.any():
                raise UserError(f"{self.report.file}: none of the {len(records):,} rows has a label")
            vocabulary = vocabulary.select(seen)
            records = replace(records, labels=records.labels.compress(seen, axis=1))
        counts = dict(zip(vocabulary.display(), records.labels.sum(axis=0).tolist(), strict=True))
        report = replace(self.report, used=len(records), label_counts=counts)
        return replace(self, records=records, vocabulary=vocabulary, report=report)
