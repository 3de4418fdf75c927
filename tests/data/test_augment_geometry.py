import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kmlc.config import ImagesConfig
from kmlc.data.augment import (
    erase,
    inverse_affine,
    transform_matrix,
    warp,
)
from tests.data.augmenting import OFF, PHOTO, in_tf_data, ramps, recovered


@pytest.mark.parametrize(
    ("config", "bounds"),
    [
        (replace(OFF, rotation=20.0), (20, 0, 0, 0)),
        (replace(OFF, zoom=0.2), (0, 0.2, 0, 0)),
        (replace(OFF, translation=0.1), (0, 0, 4, 4)),
        (replace(OFF, rotation=20.0, zoom=0.2, translation=0.1), (20, 0.2, 4, 4)),
    ],
)
def test_transforms_cover_their_range_uniformly(config: ImagesConfig, bounds: tuple[float, ...]) -> None:
    images = in_tf_data(lambda key: warp(ramps(40), transform_matrix(40, config, key)), 200)
    found = np.array([recovered(image) for image in images]) - [0, 1, 0, 0]
    for values, bound in zip(found.T, bounds, strict=True):
        assert np.abs(values).max() <= bound + 1e-3
        assert values.min() <= -0.9 * bound + 1e-3
        assert values.max() >= 0.9 * bound - 1e-3
        # The mean of n draws from -b..b has a standard error of b/sqrt(3n).
        assert abs(values.mean()) <= 4 * bound / math.sqrt(3 * len(values)) + 1e-3


def warped(image: np.ndarray, angle: float, zoom: float, shift: tuple[float, float]) -> np.ndarray:
    size = len(image)
    matrix = inverse_affine(math.radians(angle), zoom, tf.constant(shift), size)
    return warp(tf.cast(image, tf.float32), matrix).numpy()


@pytest.mark.parametrize(
    ("angle", "zoom", "shift"), [(20, 0.8, (3.0, -2.0)), (-170, 1.3, (9.5, 9.5)), (0, 1, (99, 0))]
)
def test_warp_is_the_transform_of_tensorflow(angle: float, zoom: float, shift: tuple[float, float]) -> None:
    image = tf.cast(PHOTO[:, :40], tf.float32)
    matrix = inverse_affine(math.radians(angle), zoom, tf.constant(shift, tf.float32), 40)
    expected = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=matrix[None],
        output_shape=(40, 40),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[0]
    np.testing.assert_allclose(warp(image, matrix), expected, atol=2e-2)


def test_inverse_affine_shifts_rotates_and_zooms() -> None:
    white = np.zeros((5, 5, 1))
    white[1, 3] = 255
    for expected, angle, zoom, shift in [
        ((1, 3), 0, 1.0, (0.0, 0.0)),
        ((3, 2), 0, 1.0, (-1.0, 2.0)),
        ((1, 1), 90, 1.0, (0.0, 0.0)),  # anticlockwise: from top right to top left
        ((0, 4), 0, 2.0, (0.0, 0.0)),
        ((2, 3), 90, 1.0, (2.0, 1.0)),  # the rotation comes before the shift
    ]:
        image = warped(white, angle, zoom, shift)[..., 0]
        assert np.unravel_index(image.argmax(), image.shape) == expected
        assert image.max() == pytest.approx(255, abs=1e-2)


def test_rotation_matches_pillow() -> None:
    square = np.asarray(Image.fromarray(PHOTO).resize((41, 41), Image.Resampling.BILINEAR))
    expected = np.asarray(Image.fromarray(square).rotate(20, Image.Resampling.BILINEAR), np.float32)
    y, x = np.mgrid[:41, :41] - 20
    inside = np.hypot(x, y) < 19
    assert np.abs(warped(square, 20, 1.0, (0.0, 0.0)) - expected)[inside].max() <= 1


def test_erasing_statistics() -> None:
    size, count = 40, 600
    config = replace(OFF, erasing=0.3, erasing_area=0.2)
    image = tf.fill((size, size, 3), -1.0)
    images = in_tf_data(lambda key: erase(image, config, key), count)
    inside = (images != -1).all(axis=-1)
    assert ((images != -1).any(axis=-1) == inside).all()
    erased = inside.any(axis=(1, 2))
    assert abs(erased.mean() - 0.3) <= 4 * math.sqrt(0.3 * 0.7 / count)
    areas, ratios, middles = [], [], []
    for mask in inside[erased]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == len(rows) * len(columns) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert (len(rows) + 0.5) * (len(columns) + 0.5) >= 0.02 * size**2
        assert (len(rows) - 0.5) * (len(columns) - 0.5) <= 0.2 * size**2
        areas.append(mask.sum() / size**2)
        ratios.append(math.log(len(rows) / len(columns)))
        middles.append((rows.mean(), columns.mean()))
    assert abs(np.mean(areas) - 0.11) <= 4 * 0.18 / math.sqrt(12 * len(areas))
    assert abs(np.mean(ratios)) <= 4 * np.std(ratios) / math.sqrt(len(ratios))
    assert 0.9 * math.log(3.3) <= max(ratios) <= math.log(3.3) + 0.2
    spread = np.std(middles, axis=0) / math.sqrt(len(middles))
    assert (np.abs(np.mean(middles, axis=0) - (size - 1) / 2) <= 4 * spread).all()
    noise = images[inside]
    assert noise.min() >= 0
    assert noise.max() <= 255
    assert noise.mean() == pytest.approx(127.5, abs=1)
    assert noise.std() == pytest.approx(255 / math.sqrt(12), abs=1)
