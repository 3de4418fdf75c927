"""The built-in sample: a small data set in the competition's layout, drawn by code on first use.

It lets every command run on a fresh machine. Eighteen labels with MS-COCO's ids and names, about as uneven as
in the competition; a caption names some of a row's labels and the picture shows the rest, so that neither
alone suffices. The labels of the test rows are kept aside, for a score.
"""

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kmlc.data.sample.captions import write_caption
from kmlc.data.sample.pictures import draw_picture
from kmlc.data.sample.scenes import NAMES, compose
from kmlc.errors import UserError

VERSION = 1
"""Goes up with every change of what is drawn or written, so that an older sample is not taken for it."""


def sample_folder(
    seed: int = 0, train_rows: int = 1200, test_rows: int = 200, cache: Path | None = None
) -> Path:
    """Return the folder of the built-in sample, drawn on first use.

    Args:
        seed: the same seed gives the same files, byte for byte.
        train_rows: rows of train.csv.
        test_rows: rows of test.csv and test_labels.csv.
        cache: folder to keep samples in; None is kmlc/ in $XDG_CACHE_HOME or ~/.cache.

    Returns:
        A folder with train.csv, test.csv, test_labels.csv, label_names.csv and data/.

    Raises:
        UserError: if the cache cannot be written.

    Example:
        folder = sample_folder()
    """
    if cache is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kmlc"
    folder = cache / f"sample-{VERSION}-{seed}-{train_rows}-{test_rows}"
    if folder.is_dir():
        return folder
    print(f"Drawing the built-in sample ({train_rows + test_rows:,} pictures) into {folder}", file=sys.stderr)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        begun = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=cache))
    except OSError as error:
        raise UserError(
            f"{cache}: the built-in sample cannot be written there ({error.strerror}); "
            "name another folder with the environment variable XDG_CACHE_HOME"
        ) from None
    try:
        _write(begun, seed, train_rows, test_rows)
        begun.rename(folder)
    except OSError:
        # Another process that drew the same sample was first.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return folder


def _write(folder: Path, seed: int, train_rows: int, test_rows: int) -> None:
    rows = [compose(_generator(seed, number, 0)) for number in range(train_rows + test_rows)]
    ids = [f"{number}.jpg" for number in range(len(rows))]
    captions = [write_caption(row, _generator(seed, number, 1)) for number, row in enumerate(rows)]
    labels = [" ".join(str(label) for label in row.labels) for row in rows]
    (folder / "data").mkdir()

    def draw(number: int) -> None:
        picture = draw_picture(rows[number], _generator(seed, number, 2))
        picture.save(folder / "data" / ids[number], quality=88)

    with ThreadPoolExecutor() as pool:
        list(pool.map(draw, range(len(rows))))
    train, test = slice(None, train_rows), slice(train_rows, None)
    _write_csv(
        folder / "train.csv",
        ("ImageID", "Labels", "Caption"),
        zip(ids[train], labels[train], captions[train], strict=True),
    )
    _write_csv(folder / "test.csv", ("ImageID", "Caption"), zip(ids[test], captions[test], strict=True))
    _write_csv(folder / "test_labels.csv", ("ImageID", "Labels"), zip(ids[test], labels[test], strict=True))
    _write_csv(folder / "label_names.csv", ("Label", "Name"), NAMES.items())


def _generator(seed: int, row: int, part: int) -> np.random.Generator:
    # Keyed by row and part, so that a change to one caption moves no picture.
    return np.random.default_rng([seed, row, part])


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
