"""Reads and writes feature vectors with their labels as arrays in one `.npz` file (system 5)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kmlc.arrays import read_arrays, write_arrays
from kmlc.data.columns import CHUNK, strings
from kmlc.errors import UserError

# Otherwise one stray number, such as an id in y, would ask for a multi-hot array that fits in no memory.
_MAX_CLASSES = 100_000


@dataclass(frozen=True)
class Features:
    """Rows of feature vectors.

    Attributes:
        features: numbers of shape (rows, features), finite in float32; memory-mapped if not compressed.
        labels: multi-hot uint8 of shape (rows, classes); no classes where labels are not known.
        ids: a unique string for each row, strings of shape (rows,).
        names: a unique string for each class.
    """

    features: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    names: tuple[str, ...]


def read_features(path: Path) -> Features:
    """Read feature vectors and labels. Nothing in the file can run code: arrays that need pickle are refused.

    The file holds `X`, numbers of shape (rows, features), and `y`, either class numbers from 0 of shape
    (rows,) or 0 and 1 of shape (rows, classes); rows to predict need no `y`. It may hold `ids`, a string for
    each row, and `labels`, a string for each class in `y`; without them rows and classes are named by their
    numbers, counted from 0. Uncompressed vectors, as `numpy.savez` writes them, stay in the file and are
    memory-mapped.

    Raises:
        UserError: if the file is missing or no `.npz`, or an array is missing or not as above.

    Example:
        np.savez("wine.npz", X=np.random.rand(100, 13), y=np.random.randint(0, 3, 100))
        rows = read_features(Path("wine.npz"))
    """
    arrays = read_arrays(path, ("X", "y", "ids", "labels"), mapped=("X", "y"))
    if "X" not in arrays:
        found = ", ".join(arrays) or "no array"
        raise UserError(f"{path}: no array X; expected one of shape (rows, features); got {found}")
    features = arrays["X"]
    _check_features(path, features)
    rows = len(features)
    given = _strings(path, "labels", arrays["labels"]) if "labels" in arrays else None
    if "y" in arrays:
        labels = _labels(path, arrays["y"], rows, given)
    else:
        labels, given = np.zeros((rows, 0), np.uint8), None
    ids = _strings(path, "ids", arrays["ids"]) if "ids" in arrays else strings(map(str, range(rows)), rows)
    names = strings(map(str, range(labels.shape[1]))) if given is None else given
    for name, column, length, kind in (
        ("ids", ids, rows, "row"),
        ("labels", names, labels.shape[1], "class"),
    ):
        if len(column) != length:
            raise UserError(f"{path}: {name}: expected {length:,}, one for each {kind}; got {len(column):,}")
    return Features(features, labels, ids, tuple(names.tolist()))


def write_features(path: Path, rows: Features) -> None:
    """Write rows as `read_features` reads them; the file is written whole or not at all.

    Raises:
        UserError: if the file cannot be written.

    Example:
        write_features(Path("rows.npz"), Features(x, y, ids, names=("red", "white")))
    """
    ids, names = np.array(rows.ids.tolist(), dtype=np.str_), np.array(rows.names, dtype=np.str_)
    write_arrays(path, {"X": rows.features, "y": rows.labels, "ids": ids, "labels": names})


def _check_features(path: Path, x: np.ndarray) -> None:
    if x.dtype.kind not in "biuf":
        raise UserError(f"{path}: X: expected numbers; got {x.dtype}")
    if x.ndim != 2:
        raise UserError(f"{path}: X: expected shape (rows, features); got {x.shape}")
    if x.size == 0:
        raise UserError(f"{path}: X: expected one row and one feature or more; got shape {x.shape}")
    # A number too large for float32 becomes infinite, and is reported below.
    with np.errstate(over="ignore"):
        starts = range(0, len(x), CHUNK)
        finite = [np.isfinite(x[start : start + CHUNK].astype(np.float32)).all(axis=1) for start in starts]
    bad = np.flatnonzero(~np.concatenate(finite))
    if bad.size:
        raise UserError(
            f"{path}: X: expected finite float32 numbers; {_counted(bad)} NaN, infinite or too large numbers"
        )


def _labels(path: Path, y: np.ndarray, rows: int, names: np.ndarray | None) -> np.ndarray:
    """Return `y` as multi-hot rows."""
    if y.ndim not in (1, 2):
        raise UserError(f"{path}: y: expected shape (rows,) or (rows, classes); got {y.shape}")
    if len(y) != rows:
        raise UserError(f"{path}: y: expected {rows:,} rows, as X has; got {len(y):,}")
    targets = _whole_numbers(path, y)
    return _multi_hot(path, targets, names) if targets.ndim == 1 else _zeros_and_ones(path, targets)


def _whole_numbers(path: Path, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "biuf":
        raise UserError(f"{path}: y: expected whole numbers; got {y.dtype}")
    if y.dtype.kind == "f":
        _refuse(path, y, ~np.isfinite(y) | (y != np.floor(y)), "whole numbers")
    _refuse(path, y, y < 0, "0 or more")
    return y


def _multi_hot(path: Path, y: np.ndarray, names: np.ndarray | None) -> np.ndarray:
    """Return class numbers as multi-hot rows; without names the highest number sets how many there are."""
    limit = _MAX_CLASSES if names is None else len(names)
    _refuse(path, y, y >= limit, f"class numbers below {limit:,}")
    classes = int(y.max()) + 1 if names is None else limit
    labels = np.zeros((len(y), classes), np.uint8)
    labels[np.arange(len(y)), y.astype(np.int64)] = 1
    return labels


def _zeros_and_ones(path: Path, y: np.ndarray) -> np.ndarray:
    if y.shape[1] == 0:
        raise UserError(f"{path}: y: expected one class or more; got shape {y.shape}")
    _refuse(path, y, y > 1, "0 and 1 for each class")
    return y.astype(np.uint8)


def _strings(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "U" or values.ndim != 1:
        raise UserError(
            f"{path}: {name}: expected an array of strings; got {values.dtype} of shape {values.shape}"
        )
    try:
        column = strings(values, len(values))
    except TypeError:  # half a surrogate pair
        raise UserError(f"{path}: {name}: expected strings of Unicode text") from None
    first = np.unique(column, return_index=True)[1]
    for repeated in np.delete(np.arange(len(column)), first)[:1]:
        raise UserError(f"{path}: {name}: expected each string once; got {column[repeated]!r} again")
    return column


def _refuse(path: Path, y: np.ndarray, wrong: np.ndarray, expected: str) -> None:
    """Raise UserError if any value in `y` is wrong, with the first of them."""
    bad = np.flatnonzero(wrong.reshape(len(y), -1).any(axis=1))
    if bad.size:
        value = y[wrong][0]
        raise UserError(f"{path}: y: expected {expected}; {_counted(bad)} {value}")


def _counted(rows: np.ndarray) -> str:
    """Return how many rows these are and which is the first, for a message."""
    if rows.size == 1:
        return f"row {rows[0]} (counted from 0) has"
    return f"{rows.size:,} rows, the first is row {rows[0]} (counted from 0), have"
