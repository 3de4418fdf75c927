import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from kmlc.config import ImagesConfig
from kmlc.data.augment import (
    augment,
    brightness,
    contrast,
    crop,
    crop_area,
    epoch_key,
    erase,
    flip,
    fold_in,
    inverse_affine,
    saturation,
    transform,
)
from kmlc.data.images import resize
from kmlc.settings import CONFIGS, layered

IMAGE = tf.reshape(tf.range(20 * 30 * 3), (20, 30, 3))
# Reddish, so that a grey which weighs the channels wrongly shows.
PHOTO = np.random.default_rng(0).integers(0, (256, 180, 90), (40, 50, 3), dtype=np.uint8)
OFF = ImagesConfig(horizontal_flip=False, crop=1)
SYSTEM1 = layered([CONFIGS / "system1.yaml"], []).images


def key(number: tf.Tensor | int) -> tf.Tensor:
    return fold_in(epoch_key(7, 0), number)


def in_tf_data(vary: Callable[[tf.Tensor], tf.Tensor], count: int) -> np.ndarray:
    """Return what `vary` makes of the keys 0 to count-1, inside tf.data."""
    dataset = tf.data.Dataset.range(count).map(lambda number: vary(key(number)), num_parallel_calls=4)
    return np.stack(list(dataset.as_numpy_iterator()))


def recipe(config: ImagesConfig, size: int = 24) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda key: augment(PHOTO, size, config, key)


def test_the_key_decides() -> None:
    config = ImagesConfig(crop=0.5, vertical_flip=True)
    first, again = (flip(crop(IMAGE, config, key(1)), config, key(1)).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    shapes = {tuple(crop(IMAGE, config, key(number)).shape) for number in range(20)}
    assert len(shapes) > 10


def test_a_crop_is_a_window_of_at_least_the_part() -> None:
    heights, widths = [], []
    for number in range(60):
        window = crop(IMAGE, ImagesConfig(crop=0.6), key(number)).numpy()
        height, width, channels = window.shape
        top, left = np.argwhere(IMAGE.numpy()[..., 0] == window[0, 0, 0])[0]
        np.testing.assert_array_equal(window, IMAGE[top : top + height, left : left + width])
        assert channels == 3
        heights.append(height)
        widths.append(width)
    assert 12 <= min(heights) <= 13
    assert 18 <= min(widths) <= 19
    assert max(heights) >= 19


def test_no_crop() -> None:
    np.testing.assert_array_equal(crop(IMAGE, ImagesConfig(crop=1), key(0)), IMAGE)


def test_flips_go_the_ways_that_are_allowed() -> None:
    def outcomes(config: ImagesConfig) -> set[tuple[bool, bool]]:
        found = set()
        for number in range(40):
            first = flip(IMAGE, config, key(number)).numpy()[0, 0, 0]
            row, column = np.argwhere(IMAGE.numpy()[..., 0] == first)[0]
            found.add((bool(row), bool(column)))
        return found

    assert outcomes(ImagesConfig(horizontal_flip=True)) == {(False, False), (False, True)}
    assert outcomes(ImagesConfig(horizontal_flip=False, vertical_flip=True)) == {
        (False, False),
        (True, False),
    }
    assert outcomes(ImagesConfig(horizontal_flip=False)) == {(False, False)}


def test_the_numbers_of_the_first_kinds_stay() -> None:
    """A run that was begun before the other kinds came sees the same images when it is resumed."""
    found = augment(PHOTO, 24, ImagesConfig(crop=0.5, vertical_flip=True), key(3))
    draw = tf.random.stateless_uniform((4,), fold_in(key(3), 0)).numpy()
    sides = np.floor(np.array([40, 50], np.float32) * (0.5 + 0.5 * draw[:2])).astype(int)
    (top, left), (height, width) = np.floor(([40, 50] - sides + 1) * draw[2:]).astype(int), sides
    expected = resize(PHOTO[top : top + height, left : left + width], 24)
    expected = tf.image.stateless_random_flip_left_right(expected, fold_in(key(3), 1))
    expected = tf.image.stateless_random_flip_up_down(expected, fold_in(key(3), 2))
    np.testing.assert_array_equal(found, expected)


def test_what_is_off_changes_nothing() -> None:
    np.testing.assert_array_equal(augment(PHOTO, 24, OFF, key(0)), resize(PHOTO, 24))


@pytest.mark.parametrize(
    "config",
    [
        replace(OFF, horizontal_flip=True),
        replace(OFF, vertical_flip=True),
        replace(OFF, crop=0.5),
        replace(OFF, crop_area=0.08),
        replace(OFF, rotation=20.0),
        replace(OFF, translation=0.1),
        replace(OFF, zoom=0.2),
        replace(OFF, brightness=0.3),
        replace(OFF, contrast=0.3),
        replace(OFF, saturation=0.3),
        replace(OFF, erasing=1.0),
    ],
)
def test_what_is_on_is_part_of_the_recipe(config: ImagesConfig) -> None:
    images = in_tf_data(recipe(config), 10)
    assert (np.abs(images - resize(PHOTO, 24)) > 1).any()


def test_the_recipe_is_decided_by_the_key() -> None:
    first, again = (augment(PHOTO, 24, SYSTEM1, key(1)).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    images = in_tf_data(recipe(SYSTEM1), 20)
    assert len(np.unique(images, axis=0)) == 20
    assert images.min() >= 0
    assert images.max() <= 255


def test_the_same_inside_tf_data() -> None:
    inside = in_tf_data(recipe(replace(SYSTEM1, erasing=1.0)), 10)
    for number, image in enumerate(inside):
        eager = augment(PHOTO, 24, replace(SYSTEM1, erasing=1.0), key(number))
        # Graphs may join multiplication and addition into one rounding.
        np.testing.assert_allclose(image, eager, atol=1e-2)
    np.testing.assert_array_equal(inside, in_tf_data(recipe(replace(SYSTEM1, erasing=1.0)), 10))


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 20),
    st.integers(0, 2**31),
    st.sampled_from([0.08, 0.9]),
)
@example(1, 1, 1, 0, 0.08)
@example(1, 500, 8, 0, 0.08)
@example(500, 1, 8, 0, 0.08)
def test_any_shape(height: int, width: int, size: int, number: int, area: float) -> None:
    pixels = np.full((height, width, 3), 200, np.uint8)
    config = replace(SYSTEM1, vertical_flip=True, crop_area=area, erasing=1.0)
    image = augment(pixels, size, config, key(number)).numpy()
    assert image.shape == (size, size, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0
    # The weights of an interpolation add up to 1 but for rounding.
    assert image.max() <= 255 * (1 + 1e-6)


@pytest.mark.parametrize("factor", [0.0, 0.7, 1.0, 1.3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (brightness, ImageEnhance.Brightness),
        (contrast, ImageEnhance.Contrast),
        (saturation, ImageEnhance.Color),
    ],
)
def test_colours_as_pillow(ours: Callable, theirs: type, factor: float) -> None:
    expected = np.asarray(theirs(Image.fromarray(PHOTO)).enhance(factor), np.float32)
    found = ours(tf.cast(PHOTO, tf.float32), factor).numpy()
    # Pillow rounds greys and cuts results to whole numbers.
    assert np.abs(found - expected).max() <= 1.01 + 0.5 * abs(1 - factor)


def ramps(size: int) -> tf.Tensor:
    """An image that tells where a pixel was: 1 + x, 1 + y, and 1; bilinear steps keep such values."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return tf.stack([1 + x, 1 + y, np.ones_like(x)], axis=-1)


def recovered(image: np.ndarray) -> tuple[float, float, float, float]:
    """Return the angle in degrees, the zoom, and the shift right and down that `ramps` went through."""
    size = len(image)
    y, x = np.mgrid[:size, :size]
    inside = image[..., 2] > 1 - 1e-5  # all of it, not in part the black outside
    places = np.stack([x, y, np.ones_like(x)], axis=-1)[inside]
    matrix = np.linalg.lstsq(places, image[inside][:, :2] - 1, rcond=None)[0].T
    centre = (size - 1) / 2
    shift = np.linalg.solve(matrix[:, :2], centre - matrix[:, 2]) - centre
    zoom = 1 / math.sqrt(np.linalg.det(matrix[:, :2]))
    angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    return angle, zoom, *shift


@pytest.mark.parametrize(
    ("config", "bounds"),
    [
        (replace(OFF, rotation=20.0), (20, 0, 0, 0)),
        (replace(OFF, zoom=0.2), (0, 0.2, 0, 0)),
        (replace(OFF, translation=0.1), (0, 0, 4, 4)),
        (replace(OFF, rotation=20.0, zoom=0.2, translation=0.1), (20, 0.2, 4, 4)),
    ],
)
def test_transforms_fill_their_range_and_no_more(config: ImagesConfig, bounds: tuple[float, ...]) -> None:
    images = in_tf_data(lambda key: transform(ramps(40), config, key), 200)
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
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(image, tf.float32)[None],
        transforms=matrix[None],
        output_shape=(size, size),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[0].numpy()


def test_the_matrix_shifts_rotates_and_zooms() -> None:
    white = np.zeros((5, 5, 1))
    white[1, 3] = 255
    for expected, angle, zoom, shift in [
        ((1, 3), 0, 1.0, (0.0, 0.0)),
        ((3, 2), 0, 1.0, (-1.0, 2.0)),
        ((1, 1), 90, 1.0, (0.0, 0.0)),  # anticlockwise: from top right to top left
        ((0, 4), 0, 2.0, (0.0, 0.0)),
        ((2, 3), 90, 1.0, (2.0, 1.0)),  # the turn comes before the shift
    ]:
        image = warped(white, angle, zoom, shift)[..., 0]
        assert np.unravel_index(image.argmax(), image.shape) == expected
        assert image.max() == pytest.approx(255, abs=1e-2)


def test_rotation_as_pillow() -> None:
    square = np.asarray(Image.fromarray(PHOTO).resize((41, 41), Image.Resampling.BILINEAR))
    expected = np.asarray(Image.fromarray(square).rotate(20, Image.Resampling.BILINEAR), np.float32)
    y, x = np.mgrid[:41, :41] - 20
    inside = np.hypot(x, y) < 19
    assert np.abs(warped(square, 20, 1.0, (0.0, 0.0)) - expected)[inside].max() <= 1


def windows(config: ImagesConfig, height: int, width: int, count: int) -> np.ndarray:
    """Return top, left, height and width of many random crops."""
    y, x = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    places = tf.stack([y, x, x], axis=-1)

    def window(key: tf.Tensor) -> tf.Tensor:
        kept = crop_area(places, config, key)
        return tf.concat([kept[0, 0, :2], kept[-1, -1, :2] - kept[0, 0, :2] + 1], axis=0)

    return in_tf_data(window, count)


def simulated(config: ImagesConfig, height: int, width: int, count: int) -> np.ndarray:
    """What torchvision documents of RandomResizedCrop, in NumPy; cases without a fit are left out."""
    rng = np.random.default_rng(1)
    found: list[tuple[int, int, int, int]] = []
    while len(found) < count:
        for _ in range(10):
            area = height * width * rng.uniform(config.crop_area, 1)
            ratio = math.exp(rng.uniform(-math.log(config.crop_ratio), math.log(config.crop_ratio)))
            rows, columns = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < rows <= height and 0 < columns <= width:
                top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
                found.append((int(top), int(left), rows, columns))
                break
    return np.array(found)


@pytest.mark.parametrize(("height", "width"), [(80, 80), (60, 100)])
def test_crop_area_as_torchvision(height: int, width: int) -> None:
    config = replace(OFF, crop_area=0.08)
    found, expected = (make(config, height, width, 3000) for make in (windows, simulated))
    top, left, rows, columns = found.T
    assert (found[:, :2] >= 0).all()
    assert (top + rows <= height).all()
    assert (left + columns <= width).all()
    # Sides are rounded to whole pixels, at most half a pixel each.
    assert ((rows + 0.5) * (columns + 0.5) >= 0.08 * height * width).all()
    assert ((rows - 0.5) / (columns + 0.5) <= 4 / 3).all()
    assert ((columns - 0.5) / (rows + 0.5) <= 4 / 3).all()

    def metrics(windows: np.ndarray) -> np.ndarray:
        top, left, rows, columns = windows.T.astype(float)
        area, ratio = rows * columns / (height * width), np.log(columns / rows)
        # Area, ratio, their spread, and the middle of the window, which says that places are even.
        return np.stack([area, area**2, ratio, ratio**2, top + rows / 2, left + columns / 2])

    ours, theirs = metrics(found), metrics(expected)
    error = np.sqrt((ours.var(axis=1) + theirs.var(axis=1)) / 3000)
    assert (np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) <= 4 * error).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 500), (0, 249, 1, 1)), ((500, 1), (249, 0, 1, 1)), ((500, 90), (190, 0, 120, 90))],
)
def test_where_no_crop_fits_the_middle_is_kept(shape: tuple[int, int], expected: tuple[int, ...]) -> None:
    config = replace(OFF, crop_area=0.5)
    assert {tuple(window) for window in windows(config, *shape, 5)} == {expected}


def test_erasing() -> None:
    size, count = 40, 600
    config = replace(OFF, erasing=0.3, erasing_area=0.2)
    image = tf.fill((size, size, 3), -1.0)
    images = in_tf_data(lambda key: erase(image, config, key), count)
    hit = (images != -1).all(axis=-1)
    assert ((images != -1).any(axis=-1) == hit).all()
    erased = hit.any(axis=(1, 2))
    assert abs(erased.mean() - 0.3) <= 4 * math.sqrt(0.3 * 0.7 / count)
    areas, ratios, middles = [], [], []
    for mask in hit[erased]:
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
    noise = images[hit]
    assert noise.min() >= 0
    assert noise.max() <= 255
    assert noise.mean() == pytest.approx(127.5, abs=1)
    assert noise.std() == pytest.approx(255 / math.sqrt(12), abs=1)


def test_one_kind_leaves_the_others_draws_alone() -> None:
    rest = in_tf_data(recipe(replace(SYSTEM1, erasing=0.0)), 20)
    every = in_tf_data(recipe(replace(SYSTEM1, erasing=1.0)), 20)
    assert ((rest == every).all(axis=-1).mean(axis=(1, 2)) >= 0.75).all()
    plain = in_tf_data(recipe(replace(OFF, crop_area=0.08, rotation=20.0)), 20)
    brighter = in_tf_data(recipe(replace(OFF, crop_area=0.08, rotation=20.0, brightness=0.3)), 20)
    assert np.corrcoef(plain.ravel(), brighter.ravel())[0, 1] > 0.8


def test_no_two_kinds_share_a_draw() -> None:
    """Each kind alone, its strength read off the image: no two go together."""
    patch = np.full((2, 2, 3), 100, np.float32)
    patch[0] = 150  # rows apart tell the contrast
    patch[:, 0, 0] += 30  # red apart tells the saturation

    def strengths(config: ImagesConfig) -> np.ndarray:
        return in_tf_data(lambda key: augment(patch, 2, config, key), 300)

    bright = strengths(replace(OFF, brightness=0.3))[:, 1, 1, 0]
    contrasts = strengths(replace(OFF, contrast=0.3))
    saturations = strengths(replace(OFF, saturation=0.3))
    series = [
        bright,
        contrasts[:, 0, 1, 0] - contrasts[:, 1, 1, 0],
        saturations[:, 1, 0, 0] - saturations[:, 1, 0, 1],
    ]
    for config, columns in (
        (replace(OFF, rotation=20.0), [0]),
        (replace(OFF, zoom=0.2), [1]),
        (replace(OFF, translation=0.2), [2, 3]),
    ):
        images = in_tf_data(partial(transform, ramps(20), config), 300)
        series += list(np.array([recovered(image) for image in images]).T[columns])
    assert all(np.std(each) > 0 for each in series)
    assert np.abs(np.corrcoef(series) - np.eye(len(series))).max() < 0.25
