"""The built-in sample of a hierarchy (system 4): images of one object with a superclass and a subclass.

The subclasses are the labels of the other sample except person; the superclasses are their MS-COCO
supercategories. Some test images show a person, which no training image does: they are novel at both levels.
The labels of the test rows are in a file of their own, for evaluation.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kmlc.sample.captions import write_caption
from kmlc.sample.files import cached, draw_images, generator, write_csv
from kmlc.sample.scenes import NAMES, Row, scenes_with

VERSION = 1
"""Increased with every change of what is drawn or written; it is part of the cache's folder name."""

SUPERCLASSES: dict[str, tuple[int, ...]] = {
    "vehicle": (2, 3, 4, 5, 6, 7, 8, 9),
    "outdoor": (10, 11, 13, 14, 15),
    "animal": (16, 17, 18, 19),
}
"""The labels of each superclass; the subclass index counts through all of them in this order."""

_LABELS = tuple(label for labels in SUPERCLASSES.values() for label in labels)
_PERSON = 1
_NOVEL = 0.2
"""Share of the test rows that show a person."""


def hierarchy_sample_folder(
    seed: int = 0, train_rows: int = 900, test_rows: int = 150, cache: Path | None = None
) -> Path:
    """Return the folder of the built-in sample of a hierarchy, drawn on first use.

    Args:
        seed: the same seed gives the same files, byte for byte.
        train_rows: rows of train_data.csv.
        test_rows: images in test_images/, and rows of test_labels.csv.
        cache: folder that holds the samples; None is kmlc/ in $XDG_CACHE_HOME or ~/.cache.

    Returns:
        A folder with train_data.csv, test_labels.csv, superclass_mapping.csv, subclass_mapping.csv,
        train_images/ and test_images/.

    Raises:
        UserError: if the cache cannot be written.

    Example:
        folder = hierarchy_sample_folder()
    """
    name = f"hierarchy-sample-{VERSION}-{seed}-{train_rows}-{test_rows}"
    return cached(name, cache, lambda folder: _write(folder, seed, train_rows, test_rows))


def _write(folder: Path, seed: int, train_rows: int, test_rows: int) -> None:
    numbers = range(train_rows + test_rows)
    rows = [_compose(generator(seed, number, 0), novel=number >= train_rows) for number in numbers]
    train, test = rows[:train_rows], rows[train_rows:]
    train_ids, test_ids = ([f"{number}.jpg" for number in range(len(split))] for split in (train, test))
    for name in ("train_images", "test_images"):
        (folder / name).mkdir()
    paths = [folder / "train_images" / name for name in train_ids]
    paths += [folder / "test_images" / name for name in test_ids]
    draw_images(paths, rows, seed)
    captions = [write_caption(row, generator(seed, number, 1)) for number, row in enumerate(train)]
    header = ("image", "superclass_index", "subclass_index")
    write_csv(
        folder / "train_data.csv",
        (*header, "description"),
        zip(train_ids, *_indices(train), captions, strict=True),
    )
    write_csv(folder / "test_labels.csv", header, zip(test_ids, *_indices(test), strict=True))
    write_csv(folder / "superclass_mapping.csv", ("index", "class"), enumerate([*SUPERCLASSES, "novel"]))
    subclasses = [NAMES[label] for label in _LABELS]
    write_csv(folder / "subclass_mapping.csv", ("index", "class"), enumerate([*subclasses, "novel"]))


def _compose(rng: np.random.Generator, novel: bool) -> Row:
    """Return a random row with one label, named and drawn; it may be a person if `novel`."""
    if novel and rng.random() < _NOVEL:
        label = _PERSON
    else:
        # Superclasses are balanced; the first subclass of each is three times as frequent as the last.
        labels = SUPERCLASSES[list(SUPERCLASSES)[int(rng.integers(len(SUPERCLASSES)))]]
        weights = np.linspace(3, 1, len(labels))
        label = labels[int(rng.choice(len(labels), p=weights / weights.sum()))]
    scenes = scenes_with(label)
    return Row(scenes[int(rng.integers(len(scenes)))], (label,), (label,), (label,))


def _indices(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Return the index of each row's superclass and that of its subclass, the novel ones last."""
    superclass = {label: place for place, labels in enumerate(SUPERCLASSES.values()) for label in labels}
    subclass = {label: place for place, label in enumerate(_LABELS)}
    return (
        [superclass.get(row.labels[0], len(SUPERCLASSES)) for row in rows],
        [subclass.get(row.labels[0], len(_LABELS)) for row in rows],
    )
