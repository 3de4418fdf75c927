"""The contact sheet of a run: its first training images with each epoch's augmentation."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from kmlc.config import Config
from kmlc.data.augment import augment, epoch_key, fold_in
from kmlc.data.images import decode, resize
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.reports import plots
from kmlc.settings import load_config
from kmlc.tasks.rows import image_folder
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory

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
        folder = image_folder(config)
    except UserError:  # the data folder no longer exists
        return None
    paths = enumerate(folder / name for name in read_json(verified(run.split))["training"])
    found = [(row, path) for row, path in paths if path.is_file()][:IMAGES]
    if not found:
        return None
    originals, draws = zip(*(_augmented(path, row, config) for row, path in found), strict=True)
    titles = ["original", *(f"epoch {epoch + 1}" for epoch in range(EPOCHS))]
    return plots.augmentation(np.stack(originals), np.stack(draws), titles)


def _augmented(path: Path, row: int, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return a training row's image without augmentation, and as each epoch augments it."""
    size = config.images.resolved_size
    pixels = decode(tf.io.read_file(str(path)))
    keys = [fold_in(epoch_key(config.seed, epoch), row) for epoch in range(EPOCHS)]
    draws = [augment(pixels, size, config.images, key).numpy() for key in keys]
    return resize(pixels, size).numpy(), np.stack(draws)
