"""The built-in sample: a small data set in the competition's layout, drawn by code on first use.

It lets every command run on a fresh machine. Eighteen labels with MS-COCO's ids and names, about as uneven as
in the competition; a caption names some of a row's labels and the picture shows the rest, so that neither
alone suffices. The labels of the test rows are kept aside, for a score.
"""

from pathlib import Path

from kmlc.sample.captions import write_caption
from kmlc.sample.files import cached, draw_pictures, generator, write_csv
from kmlc.sample.scenes import NAMES, compose

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
    name = f"sample-{VERSION}-{seed}-{train_rows}-{test_rows}"
    return cached(name, cache, lambda folder: _write(folder, seed, train_rows, test_rows))


def _write(folder: Path, seed: int, train_rows: int, test_rows: int) -> None:
    rows = [compose(generator(seed, number, 0)) for number in range(train_rows + test_rows)]
    ids = [f"{number}.jpg" for number in range(len(rows))]
    captions = [write_caption(row, generator(seed, number, 1)) for number, row in enumerate(rows)]
    labels = [" ".join(str(label) for label in row.labels) for row in rows]
    (folder / "data").mkdir()
    draw_pictures([folder / "data" / name for name in ids], rows, seed)
    train, test = slice(None, train_rows), slice(train_rows, None)
    write_csv(
        folder / "train.csv",
        ("ImageID", "Labels", "Caption"),
        zip(ids[train], labels[train], captions[train], strict=True),
    )
    write_csv(folder / "test.csv", ("ImageID", "Caption"), zip(ids[test], captions[test], strict=True))
    write_csv(folder / "test_labels.csv", ("ImageID", "Labels"), zip(ids[test], labels[test], strict=True))
    write_csv(folder / "label_names.csv", ("Label", "Name"), NAMES.items())
