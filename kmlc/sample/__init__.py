"""The built-in sample: a small data set in the competition's layout, drawn by code on first use.

It lets every command run on a fresh machine. It has eighteen labels with MS-COCO's ids and names, about as
imbalanced as in the competition. A caption names some of a row's labels and the image shows the rest, so
neither alone suffices. The labels of the test rows are in a file of their own, for evaluation.
"""

from pathlib import Path

from kmlc.sample.captions import write_caption
from kmlc.sample.files import cached, draw_images, generator, write_csv
from kmlc.sample.scenes import NAMES, compose

VERSION = 1
"""Increased with every change of what is drawn or written; it is part of the cache's folder name."""


def sample_folder(
    seed: int = 0, train_rows: int = 1200, test_rows: int = 200, cache: Path | None = None
) -> Path:
    """Return the folder of the built-in sample, drawn on first use.

    Args:
        seed: the same seed gives the same files, byte for byte.
        train_rows: rows of train.csv.
        test_rows: rows of test.csv and test_labels.csv.
        cache: folder that holds the samples; None is kmlc/ in $XDG_CACHE_HOME or ~/.cache.

    Returns:
        A folder with train.csv, test.csv, test_labels.csv, label_names.csv and data/.

    Raises:
        UserError: if the cache cannot be written.

    Example:
        folder = sample_folder()
    """
    name = f"sample-{VERSION}-{seed}-{train_rows}-{test_rows}"
    return cached(name, cache, lambda folder: _write(folder, seed, train_rows, test_rows))


def _write(folder: Path, seed: int, train_rows: int, test_rows: int) -> None:
    rows = [compose(generator(seed, number, 0)) for number in range(train_rows + test_rows)]
    ids = [f"{number}.jpg" for number in range(len(rows))]
    captions = [write_caption(row, generator(seed, number, 1)) for number, row in enumerate(rows)]
    labels = [" ".join(str(label) for label in row.labels) for row in rows]
    (folder / "data").mkdir()
    draw_images([folder / "data" / name for name in ids], rows, seed)
    train, test = slice(None, train_rows), slice(train_rows, None)
    write_csv(
        folder / "train.csv",
        ("ImageID", "Labels", "Caption"),
        zip(ids[train], labels[train], captions[train], strict=True),
    )
    write_csv(folder / "test.csv", ("ImageID", "Caption"), zip(ids[test], captions[test], strict=True))
    write_csv(folder / "test_labels.csv", ("ImageID", "Labels"), zip(ids[test], labels[test], strict=True))
    write_csv(folder / "label_names.csv", ("Label", "Name"), NAMES.items())
