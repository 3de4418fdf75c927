"""A store of arrays of one shape and dtype by key, in a folder of its own; all stores together are bounded.

A store is two files. `index` has a record for each array: its key, and a checksum of key and array. `values`
has the arrays themselves, in the same order, and is memory-mapped; it only grows, as another process may have
it mapped. An array is written before its record, and its checksum is compared before it is used: one that was
damaged, or cut off by a kill, counts as missing and is written again. A store may be deleted at any time.
"""

import errno
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from kmlc.errors import UserError
from kmlc.lock import is_locked, locked

KEY_BYTES = 16
"""The length of a key, such as a hash."""

_RECORD = np.dtype([("key", f"V{KEY_BYTES}"), ("checksum", "<u4")])
_NO_ARRAY = np.zeros((), _RECORD)


@contextmanager
def open_store(folder: Path, shape: Sequence[int], dtype: np.dtype) -> Iterator["ArrayStore"]:
    """Yield a store, alone: another process that opens it waits until the block ends.

    Args:
        folder: the folder of the store, in the folder of all stores; created if missing. Everything that the
            arrays depend on, besides their keys, is in its name.
        shape: of one array.
        dtype: of the arrays.

    Raises:
        OSError: if the folder cannot be used.

    Example:
        with open_store(Path("cache/vectors-of-mobilenetv2"), (1280,), np.dtype("float32")) as store:
            store.append(keys, vectors)
            vectors = store.values[store.places(keys)]
    """
    folder.mkdir(parents=True, exist_ok=True)
    if is_locked(folder):
        print(f"{folder}: another process is filling it; waiting for it", flush=True)
    with locked(folder, wait=True):
        yield ArrayStore(folder, tuple(shape), np.dtype(dtype))


class ArrayStore:
    """The arrays in a folder; see `open_store`.

    Args:
        folder: the folder of the store.
        shape: of one array.
        dtype: of the arrays.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype
        self.array_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self.folder, self._index, self._values = folder, folder / "index", folder / "values"
        self._records = self._read_index()
        self._checked: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._records)

    @property
    def values(self) -> np.ndarray:
        """All arrays, memory-mapped and read-only: (arrays, *shape)."""
        if not len(self):
            return np.zeros((0, *self.shape), self.dtype)
        return np.memmap(self._values, self.dtype, "r", shape=(len(self), *self.shape))

    def places(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return the place of each key's array in `values`, int64; -1 for one that is missing or damaged."""
        with suppress(OSError):
            os.utime(self._index)  # for `make_room`, which removes what was not used for longest
        if unknown := set(keys) - self._checked.keys():
            values, checksums = self.values, self._records["checksum"]
            self._checked |= dict.fromkeys(unknown, -1)
            for place, key in enumerate(map(np.void.tobytes, self._records["key"])):
                if key in unknown and _checksum(key, values[place]) == checksums[place]:
                    self._checked[key] = place
        return np.array([self._checked[key] for key in keys], np.int64)

    def append(self, keys: Sequence[bytes], arrays: np.ndarray) -> None:
        """Add arrays, (keys, *shape).

        Raises:
            OSError: if they cannot be written, as on a full disk, or the store was removed meanwhile.
        """
        arrays = np.ascontiguousarray(arrays, self.dtype)
        records = np.array(
            [(key, _checksum(key, array)) for key, array in zip(keys, arrays, strict=True)], _RECORD
        )
        with self._values.open("ab") as stream:
            written = os.fstat(stream.fileno()).st_size
            if written < len(self) * self.array_bytes:
                raise OSError(errno.ESTALE, "removed by another process", str(self._values))
            # Arrays without a record, which a kill left, stay where they are, with a record that fits none.
            orphans = -(-written // max(self.array_bytes, 1)) - len(self)
            stream.write(bytes((len(self) + orphans) * self.array_bytes - written))
            stream.write(arrays.tobytes())
        records = np.concatenate([np.full(orphans, _NO_ARRAY, _RECORD), records])
        with self._index.open("ab") as stream:
            stream.truncate(len(self) * _RECORD.itemsize)
            stream.write(records.tobytes())
        self._checked |= {key: len(self) + orphans + number for number, key in enumerate(keys)}
        self._records = np.concatenate([self._records, records])

    def make_room(self, missing: int, wanted: int, limit_bytes: int) -> bool:
        """Make room for `missing` more arrays; return whether there is enough.

        The stores that were used least recently are removed, but those in use; they stay removed if that is
        not enough.

        Args:
            missing: the number of arrays to append.
            wanted: the number of all arrays that are in use, those in the store included: where the store
                would be too large even alone, it is emptied first, if these fit.
            limit_bytes: the largest size of all stores together.
        """
        folders = [each for each in self.folder.parent.iterdir() if each.is_dir() and each != self.folder]
        others = {each: _size(each) for each in folders}
        if (len(self) + missing) * self.array_bytes > limit_bytes:
            if wanted * self.array_bytes > limit_bytes:
                return False
            self._clear()
            missing = wanted
        room = limit_bytes - (len(self) + missing) * self.array_bytes
        for each in sorted(others, key=_last_use):
            if sum(others.values()) <= room:
                break
            with suppress(UserError), locked(each):  # one in use stays
                shutil.rmtree(each, ignore_errors=True)
                others[each] = 0
        return sum(others.values()) <= room

    def _clear(self) -> None:
        for path in (self._index, self._values):
            path.unlink(missing_ok=True)
        self._records = self._records[:0]
        self._checked.clear()

    def _read_index(self) -> np.ndarray:
        try:
            complete = self._values.stat().st_size // max(self.array_bytes, 1)
            return np.fromfile(self._index, _RECORD)[:complete]
        except FileNotFoundError:
            return np.zeros(0, _RECORD)


def _checksum(key: bytes, array: np.ndarray) -> int:
    return zlib.crc32(array.tobytes(), zlib.crc32(key))


def _size(folder: Path) -> int:
    with suppress(OSError):  # another process removes it
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


def _last_use(folder: Path) -> float:
    try:
        return (folder / "index").stat().st_mtime
    except OSError:
        return 0.0
