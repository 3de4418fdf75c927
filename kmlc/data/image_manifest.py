"""The manifest of images: the facts of every image file that was checked, kept between commands.

It is one SQLite file in the cache folder. A file is known by its absolute path, and its facts are used as
long as its size and its times of modification and change are the same. The first check decodes every image,
later ones only those that are new or changed. The manifest may be deleted at any time. If it cannot be used,
because the disk is full or read-only or its content is damaged, a line says so and images are checked anew.
"""

import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from kmlc.config import Config
from kmlc.data.columns import STRING
from kmlc.data.image_facts import NO_IMAGE, ImageFacts, file_state, inspect, quiet_pillow
from kmlc.errors import UserError
from kmlc.files import cache_folder
from kmlc.progress import ProgressBar

VERSION = 2
"""Increased with every change of what is checked or stored; it is part of the file's name."""
DECODERS = ("tensorflow", "pillow", "simplejpeg")
FILE = f"images-{VERSION}-" + "-".join(f"{name}-{version(name)}" for name in DECODERS) + ".sqlite"
"""The name of the manifest; other decoders may find other images corrupt."""
BATCH = 500
"""Images in a query and in a transaction: an interrupted check loses no more than this."""
WINDOW = 16 * BATCH
"""Images whose files are looked up ahead of the query."""
RECENT = 2 * 10**9
"""A file that changed so many nanoseconds before its check is checked again next time: it may have changed
once more in the same tick of the file system's clock."""

COLUMNS = """path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, sha256 BLOB,
width INTEGER, height INTEGER, orientation INTEGER, problem TEXT, checksum INTEGER"""

State: TypeAlias = tuple[int, int, int]
"""Size of a file, and its times of modification and change in nanoseconds."""


def image_facts(images: Sequence[str | bytes] | np.ndarray, config: Config) -> np.ndarray:
    """Return the facts of each image; those of a file come from the manifest if it did not change since.

    Args:
        images: paths of image files, or their bytes.
        config: `images.max_pixels`, the most pixels an image may have, and `cache.folder`.

    Returns:
        array of the dtype `FACTS`, of shape (images,).

    Example:
        image_facts(["data/1.jpg", "data/2.jpg"], Config())["problem"]
    """
    limit, started = config.images.max_pixels, time.time_ns()
    distinct, rows = _distinct(images)
    facts, unknown = np.full(len(distinct), NO_IMAGE), np.ones(len(distinct), bool)
    with ThreadPoolExecutor(os.cpu_count()) as pool, _Manifest(config.cache.folder) as manifest:
        for start in range(0, len(distinct), WINDOW):
            window = _batches(distinct[start : start + WINDOW])
            for number, (usable, unusable) in enumerate(pool.map(lambda each: _states(each, limit), window)):
                found = unusable | manifest.find(usable)
                first = start + number * BATCH
                for place, image in enumerate(distinct[first : first + BATCH], first):
                    if image in found:
                        facts[place], unknown[place] = found[image], False
        places = np.flatnonzero(unknown)
        with quiet_pillow(), ProgressBar(len(places), "checking images:", unit="images") as bar:
            for batch in _batches(places):
                states, _ = _states(distinct[batch], limit)
                inspected = pool.map(lambda image: inspect(image, limit), distinct[batch])
                settled = {}
                for place, image, each in zip(batch, distinct[batch], inspected, strict=True):
                    facts[place] = each
                    if image in states and max(states[image][1:]) < started - RECENT:
                        settled[image] = (states[image], each)
                    bar.update()
                manifest.add(settled)
    pixels = facts["width"].astype(np.int64) * facts["height"]
    facts["problem"][pixels > limit] = "oversized"
    return facts[rows]


def _distinct(images: Sequence[str | bytes] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each image once, and where each is among them."""
    if isinstance(images, np.ndarray) and images.dtype == STRING:
        return np.unique(images, return_inverse=True)
    numbers: dict[str | bytes, int] = {}
    rows = np.array([numbers.setdefault(image, len(numbers)) for image in images], np.int64)
    return np.array([*numbers], object), rows


def _batches(images: np.ndarray) -> Iterator[np.ndarray]:
    return (images[start : start + BATCH] for start in range(0, len(images), BATCH))


def _states(images: np.ndarray, max_pixels: int) -> tuple[dict[str, State], dict[str, ImageFacts]]:
    """Return the states of the files that can be read, and the facts of the others."""
    usable, unusable = {}, {}
    for path in images:
        if isinstance(path, bytes):
            continue
        state = file_state(path, max_pixels)
        if isinstance(state, str):
            unusable[path] = ImageFacts(problem=state)
        else:
            usable[path] = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return usable, unusable


class _Manifest:
    """The file, as a context manager. After its first failure it finds nothing and keeps nothing."""

    def __init__(self, folder: str | None) -> None:
        self._connection: sqlite3.Connection | None = None
        self._file: Path | None = None
        with self._or_without():
            self._file = cache_folder(folder) / FILE
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._file, timeout=30)
            # A power failure may damage the file; the checksums tell.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS images ({COLUMNS}) WITHOUT ROWID")

    def __enter__(self) -> "_Manifest":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def find(self, states: Mapping[str, State]) -> dict[str, ImageFacts]:
        """Return the facts of those files that are known in the given state."""
        keys = {_key(path): path for path in states}
        found: dict[str, ImageFacts] = {}
        with self._or_without():
            if self._connection is not None:
                query = f"SELECT * FROM images WHERE path IN ({','.join('?' * len(keys))})"
                for *row, checksum in self._connection.execute(query, list(keys)):
                    key, *state, sha256, width, height, orientation, problem = row
                    if _checksum(row) == checksum and tuple(state) == states[keys[key]]:
                        found[keys[key]] = ImageFacts(sha256.hex(), width, height, orientation, problem)
        return found

    def add(self, facts: Mapping[str, tuple[State, ImageFacts]]) -> None:
        """Keep the facts of files in the given state, but for those that were not read or not decoded."""
        rows = [
            (
                _key(path),
                *state,
                bytes.fromhex(each.sha256),
                each.width,
                each.height,
                each.orientation,
                each.problem,
            )
            for path, (state, each) in facts.items()
            if each.sha256 and each.problem != "oversized"
        ]
        with self._or_without():
            if self._connection is not None and rows:
                with self._connection:
                    self._connection.executemany(
                        f"INSERT OR REPLACE INTO images VALUES ({','.join('?' * (len(rows[0]) + 1))})",
                        [(*row, _checksum(row)) for row in rows],
                    )

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _or_without(self) -> Iterator[None]:
        """Go on without the manifest after an error in the block; a damaged file is removed."""
        try:
            yield
        except (sqlite3.Error, OSError, UserError) as error:
            self._close()
            reason = error.strerror if isinstance(error, OSError) else error
            print(f"{self._file or 'cache.folder'}: images are checked without it: {reason}", flush=True)
            if (
                self._file
                and isinstance(error, sqlite3.DatabaseError)
                and not isinstance(error, sqlite3.OperationalError)
            ):
                self._file.unlink(missing_ok=True)


def _key(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100 - a million paths


def _checksum(row: Sequence[Any]) -> int:
    return zlib.crc32(repr(tuple(row)).encode())
