"""What tests of augmentation share: images, settings, and transforms inside tf.data."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kmlc.config import ImagesConfig
from kmlc.data.augment import augment
from kmlc.settings import CONFIGS, layered

# Reddish: wrong weights of the channels in grey would show.
PHOTO = np.random.default_rng(0).integers(0, (256, 180, 90), (40, 50, 3), dtype=np.uint8)
OFF = ImagesConfig(horizontal_flip=False, crop=1)
SYSTEM1 = layered([CONFIGS / "system1.yaml"]).images


def key(number: tf.Tensor | int) -> tf.Tensor:
    return tf.stack([tf.constant(7, tf.int64), tf.cast(number, tf.int64)])


def in_tf_data(function: Callable[[tf.Tensor], tf.Tensor], count: int) -> np.ndarray:
    """Return the results of a function for the keys 0 to count-1, computed inside tf.data."""
    dataset = tf.data.Dataset.range(count).map(lambda number: function(key(number)), num_parallel_calls=4)
    return np.stack(list(dataset.as_numpy_iterator()))


def recipe(config: ImagesConfig, size: int = 24) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda key: augment(PHOTO, size, config, key)


def ramps(size: int) -> tf.Tensor:
    """An image whose values are its coordinates: 1 + x, 1 + y, and 1. Bilinear interpolation keeps them."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return tf.stack([1 + x, 1 + y, np.ones_like(x)], axis=-1)


def recovered(image: np.ndarray) -> tuple[float, float, float, float]:
    """Return the angle in degrees, the zoom and the shift right and down that were applied to `ramps`."""
    size = len(image)
    y, x = np.mgrid[:size, :size]
    inside = image[..., 2] > 1 - 1e-5  # pixels that do not mix with the black area outside
    places = np.stack([x, y, np.ones_like(x)], axis=-1)[inside]
    matrix = np.linalg.lstsq(places, image[inside][:, :2] - 1, rcond=None)[0].T
    centre = (size - 1) / 2
    shift = np.linalg.solve(matrix[:, :2], centre - matrix[:, 2]) - centre
    zoom = 1 / math.sqrt(np.linalg.det(matrix[:, :2]))
    angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    return angle, zoom, *shift
