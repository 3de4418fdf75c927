"""The contact sheet of a run: its first training images with each epoch's augmentation."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from kmlc.config import Config
from kmlc.data.augment import augment, row_keys
from kmlc.data.crop_flip import resize
from kmlc.data.image_manifest import image_facts
from kmlc.data.images import decode, turn
from kmlc.errors import UserError
from kmlc.reports import plots
from kmlc.settings import load_config
from kmlc.tasks.rows import training_images
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_files import load_split

IMAGES, EPOCHS = 4, 8


def contact_sheet(run: RunDirectory) -> Figure | None:
    """Draw the run's first training images without augmentation and as its first epochs augment them.

    Seed, epoch and row are those of training, so these are exactly the images that the model receives.

    Returns:
        The figure, or None if the run uses no images or their files no longer exist.

    Example:
        figure = contact_sheet(RunDirectory(Path("runs/2026-01-31-hybrid")))
    """
    config = load_config(verified(run.config))
    if config.tower.input != "image":
        return None
    try:
        found = list(islice(_readable(config, load_split(run)["training"]), IMAGES))
    except UserError:  # the data folder no longer exists
        return None
    if not found:
        return None
    originals, draws = zip(*(_augmented(pixels, row, config) for row, pixels in found), strict=True)
    titles = ["original", *(f"epoch {epoch + 1}" for epoch in range(EPOCHS))]
    return plots.augmentation(np.stack(originals), np.stack(draws), titles)


def _readable(config: Config, names: Sequence[str]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield row number and pixels of each image that can still be read."""
    for row, name in enumerate(names):
        (path,) = training_images(config, [name])
        if Path(path).is_file():
            (facts,) = image_facts([path], config)
            if facts["problem"] is None:
                yield row, turn(decode(Path(path).read_bytes()), int(facts["orientation"]))


def _augmented(pixels: np.ndarray, row: int, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return a training row's image without augmentation, and as each epoch augments it."""
    size = config.images.resolved_size
    keys = [row_keys(config.seed, epoch, np.array([row]))[0] for epoch in range(EPOCHS)]
    draws = [augment(pixels, size, config.images, key).numpy() for key in keys]
    return resize(pixels, size), np.stack(draws)
