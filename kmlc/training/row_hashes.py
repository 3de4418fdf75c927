"""Hashes of what a run uses of each row, so that a resumed run finds what changed in the data meanwhile."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kmlc.arrays import read_arrays, write_arrays
from kmlc.config import Config
from kmlc.data.records import Records


def save_row_hashes(path: Path, config: Config, splits: Mapping[str, Records]) -> None:
    """Write a hash of each input (labels, caption, image, features) of each row that the settings use.

    Args:
        path: the `.npz` file; an array for each input, uint64 of shape (rows,), in the order of the splits.
        config: the settings of the run.
        splits: its rows.
    """
    write_arrays(path, _hashes(config, splits))


def changed_rows(path: Path, config: Config, splits: Mapping[str, Records]) -> str | None:
    """Return what differs from the rows that `save_row_hashes` was given, or None if nothing does.

    Example:
        changed_rows(run.rows, config, splits)  # "3 of 100 captions (first: 12.jpg)"
    """
    saved = read_arrays(path)
    ids = [name for records in splits.values() for name in records.ids]
    found = []
    for name, hashes in _hashes(config, splits).items():
        if (saved[name].shape, saved[name].dtype) != (hashes.shape, hashes.dtype):
            raise ValueError(f"{path.name}: expected {len(hashes):,} hashes of {name}")
        rows = np.flatnonzero(hashes != saved[name])
        if len(rows):
            found.append(f"{len(rows):,} of {len(ids):,} {name} (first: {ids[rows[0]]})")
    return " and ".join(found) or None


def rows_of_splits(
    path: Path, config: Config, split: Mapping[str, Sequence[str]], records: Records
) -> dict[str, np.ndarray]:
    """Return which rows of any data are rows of each split of a run, bool (rows,).

    A row is known by its image or its feature vector, under any name; in a run of captions alone, where
    several rows may have one caption, by its name and its caption. It is of each split that has an equal one.

    Args:
        path: what `save_row_hashes` wrote.
        config: the settings of the run.
        split: the names of its rows.
        records: the other rows.

    Example:
        rows_of_splits(run.rows, config, load_split(run), records)["training"]
    """
    what = {"image": "images", "features": "feature vectors", "none": "captions"}[config.tower.input]
    names = [name for each in split.values() for name in each]
    saved, hashes = read_arrays(path)[what], _hashes(config, {"": records})[what]
    if saved.shape != (len(names),):
        raise ValueError(f"{path.name}: expected {len(names):,} hashes of {what}")
    known, own = saved.tolist(), hashes.tolist()
    if what == "captions":
        known, own = [*zip(names, known, strict=True)], [*zip(records.ids.tolist(), own, strict=True)]
    rest = iter(known)
    keys = {name: {*itertools.islice(rest, len(rows))} for name, rows in split.items()}
    return {name: np.array([key in some for key in own], bool) for name, some in keys.items()}


def _hashes(config: Config, splits: Mapping[str, Records]) -> dict[str, np.ndarray]:
    rows = list(splits.values())
    found = {"label sets": _digests(row.tobytes() for each in rows for row in each.labels)}
    if config.captions.encoder != "none":
        found["captions"] = _digests(caption.encode() for each in rows for caption in each.captions)
    if config.tower.input == "image":
        found["images"] = _digests(sha256 for each in rows for sha256 in each.sha256)
    if config.tower.input == "features":
        vectors = (each.features for each in rows if each.features is not None)
        found["feature vectors"] = _digests(row.tobytes() for each in vectors for row in each)
    return found


def _digests(values: Iterable[bytes]) -> np.ndarray:
    hashes = (hashlib.blake2b(value, digest_size=8).digest() for value in values)
    return np.fromiter((int.from_bytes(each, "little") for each in hashes), "<u8")
