"""Image towers: from pixels to one vector. A new one is a file here and a line in `TOWERS`."""

from collections.abc import Callable

import keras

from kmlc.config import TowerConfig
from kmlc.models.image.hybrid import hybrid

TOWERS: dict[str, Callable[[keras.KerasTensor, TowerConfig], keras.KerasTensor]] = {"hybrid": hybrid}
"""By the name in `tower.name`: from images (batch, height, width, 3), 0 to 255, to (batch, width)."""
