"""What the built-in samples share: a cache, image files and tables, random number generators."""

import csv
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kmlc.errors import UserError
from kmlc.files import cache_folder
from kmlc.progress import ProgressBar
from kmlc.sample.images import draw_image
from kmlc.sample.scenes import Row


def cached(name: str, cache: Path | None, write: Callable[[Path], None]) -> Path:
    """Return the folder of a sample, written on first use, whole or not at all.

    Args:
        name: the folder's name; everything that the content depends on is in it.
        cache: folder that holds the samples; None is kmlc/ in $XDG_CACHE_HOME or ~/.cache.
        write: writes the sample into an empty folder.

    Raises:
        UserError: if the cache cannot be written.

    Example:
        folder = cached("sample-1-0-1200-200", None, write)
    """
    cache = cache or cache_folder()
    folder = cache / name
    if folder.is_dir():
        return folder
    print(f"Drawing the built-in sample into {folder}", file=sys.stderr)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache))
    except OSError as error:
        raise UserError(
            f"{cache}: the built-in sample cannot be written there ({error.strerror}); "
            "set the environment variable XDG_CACHE_HOME to another folder"
        ) from None
    try:
        write(temporary)
        temporary.rename(folder)
    except OSError:
        # Another process may have finished the same sample first.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def generator(seed: int, row: int, stream: int) -> np.random.Generator:
    """Return one of a row's independent generators; a change to its caption leaves its image as it is.

    Args:
        seed: the sample's seed.
        row: number of the row.
        stream: 0 for its scene and labels, 1 for its caption, 2 for its image.
    """
    return np.random.default_rng([seed, row, stream])


def draw_images(paths: Sequence[Path], rows: Sequence[Row], seed: int) -> None:
    """Draw the image of each row, numbered from 0, as a JPEG file."""

    def draw(number: int) -> None:
        draw_image(rows[number], generator(seed, number, 2)).save(paths[number], quality=88)

    with (
        ThreadPoolExecutor() as pool,
        ProgressBar(len(rows), "drawing images:", unit="images", stream=sys.stderr) as bar,
    ):
        for _ in pool.map(draw, range(len(rows))):
            bar.update()


def write_csv(path: Path, header: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
