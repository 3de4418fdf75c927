"""Hashes of what a run uses of each row, so that a resumed run finds what changed in the data meanwhile."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.data.records import Records
from kmlc.files import read_arrays, write_arrays


def save_row_hashes(path: Path, config: Config, splits: Mapping[str, Records]) -> None:
    """Write a hash of each part of each row that the settings use.

    Args:
        path: the `.npz` file; an array for each part, uint64 of shape (rows,), in the order of the splits.
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
    for part, hashes in _hashes(config, splits).items():
        if (saved[part].shape, saved[part].dtype) != (hashes.shape, hashes.dtype):
            raise ValueError(f"{path.name}: expected {len(hashes):,} hashes of {part}")
        rows = np.flatnonzero(hashes != saved[part])
        if len(rows):
            found.append(f"{len(rows):,} of {len(ids):,} {part} (first: {ids[rows[0]]})")
    return " and ".join(found) or None


def _hashes(config: Config, splits: Mapping[str, Records]) -> dict[str, np.ndarray]:
    parts: dict[str, list[bytes]] = {"label sets": []}
    for records in splits.values():
        parts["label sets"] += map(np.ndarray.tobytes, records.labels)
        if config.captions.encoder != "none":
            # Strings from tables may hold halves of surrogate pairs.
            captions = [caption.encode("utf-8", "surrogatepass") for caption in records.captions]
            parts.setdefault("captions", []).extend(captions)
        if config.tower.input == "image":
            parts.setdefault("images", []).extend(map(str.encode, records.sha256))
        if records.features is not None:
            parts.setdefault("feature vectors", []).extend(map(np.ndarray.tobytes, records.features))
    return {part: _digests(values) for part, values in parts.items()}


def _digests(values: Iterable[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(hashlib.blake2b(value, digest_size=8).digest() for value in values), "<u8")
