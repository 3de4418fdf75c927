"""What the built-in samples share: a cache, pictures and tables on the disk, random numbers."""

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kmlc.errors import UserError
from kmlc.sample.pictures import draw_picture
from kmlc.sample.scenes import Row


def cached(name: str, cache: Path | None, write: Callable[[Path], None]) -> Path:
    """Return the folder of a sample, written on first use, whole or not at all.

    Args:
        name: the folder's name; it says all that the content depends on.
        cache: the folder to keep samples in; None is kmlc/ in $XDG_CACHE_HOME or ~/.cache.
        write: fills an empty folder.

    Raises:
        UserError: if the cache cannot be written.

    Example:
        folder = cached("sample-1-0-1200-200", None, write)
    """
    if cache is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kmlc"
    folder = cache / name
    if folder.is_dir():
        return folder
    print(f"Drawing the built-in sample into {folder}", file=sys.stderr)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        begun = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache))
    except OSError as error:
        raise UserError(
            f"{cache}: the built-in sample cannot be written there ({error.strerror}); "
            "name another folder with the environment variable XDG_CACHE_HOME"
        ) from None
    try:
        write(begun)
        begun.rename(folder)
    except OSError:
        # Another process that drew the same sample was first.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return folder


def generator(seed: int, row: int, part: int) -> np.random.Generator:
    """Return the random numbers of one part of a row; a change to one caption moves no picture.

    Args:
        seed: the sample's seed.
        row: number of the row.
        part: 0 what the row is about, 1 its caption, 2 its picture.
    """
    return np.random.default_rng([seed, row, part])


def draw_pictures(paths: Sequence[Path], rows: Sequence[Row], seed: int) -> None:
    """Draw the picture of each row, numbered from 0, as a JPEG file."""

    def draw(number: int) -> None:
        draw_picture(rows[number], generator(seed, number, 2)).save(paths[number], quality=88)

    with ThreadPoolExecutor() as pool:
        list(pool.map(draw, range(len(rows))))


def write_csv(path: Path, header: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
