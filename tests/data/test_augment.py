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
    row_keys,
    saturation,
    transform_matrix,
    warp,
)
from kmlc.data.crop_flip import resize
from tests.data.augmenting import OFF, PHOTO, SYSTEM1, in_tf_data, key, ramps, recipe, recovered


def test_disabled_transforms_change_nothing() -> None:
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
def test_enabled_transforms_change_the_image(config: ImagesConfig) -> None:
    images = in_tf_data(recipe(config), 10)
    assert (np.abs(images - resize(PHOTO, 24).astype(float)) > 1).any()


def test_recipe_depends_on_the_key_alone() -> None:
    first, again = (augment(PHOTO, 24, SYSTEM1, key(1)).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    images = in_tf_data(recipe(SYSTEM1), 20)
    assert len(np.unique(images, axis=0)) == 20
    assert images.dtype == np.uint8


def test_eager_and_tf_data_agree() -> None:
    inside = in_tf_data(recipe(replace(SYSTEM1, erasing=1.0)), 10)
    for number, image in enumerate(inside):
        eager = augment(PHOTO, 24, replace(SYSTEM1, erasing=1.0), key(number))
        # A graph may fuse multiplication and addition, with a single rounding.
        np.testing.assert_allclose(image.astype(float), eager.numpy().astype(float), atol=1)
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
def test_images_of_any_shape(height: int, width: int, size: int, number: int, area: float) -> None:
    pixels = np.full((height, width, 3), 200, np.uint8)
    config = replace(SYSTEM1, vertical_flip=True, crop_area=area, erasing=1.0)
    image = augment(pixels, size, config, key(number)).numpy()
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("factor", [0.0, 0.7, 1.0, 1.3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (brightness, ImageEnhance.Brightness),
        (contrast, ImageEnhance.Contrast),
        (saturation, ImageEnhance.Color),
    ],
)
def test_colours_match_pillow(ours: Callable, theirs: type, factor: float) -> None:
    expected = np.asarray(theirs(Image.fromarray(PHOTO)).enhance(factor), np.float32)
    found = ours(tf.cast(PHOTO, tf.float32), factor).numpy()
    # Pillow rounds greys and cuts results to whole numbers.
    assert np.abs(found - expected).max() <= 1.01 + 0.5 * abs(1 - factor)


def test_adding_a_transform_keeps_other_draws() -> None:
    rest = in_tf_data(recipe(replace(SYSTEM1, erasing=0.0)), 20)
    every = in_tf_data(recipe(replace(SYSTEM1, erasing=1.0)), 20)
    assert ((rest == every).all(axis=-1).mean(axis=(1, 2)) >= 0.75).all()
    plain = in_tf_data(recipe(replace(OFF, crop_area=0.08, rotation=20.0)), 20)
    brighter = in_tf_data(recipe(replace(OFF, crop_area=0.08, rotation=20.0, brightness=0.3)), 20)
    assert np.corrcoef(plain.ravel(), brighter.ravel())[0, 1] > 0.8


def transform(config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    return warp(ramps(20), transform_matrix(20, config, key))


def test_rows_of_all_epochs_have_keys_of_their_own() -> None:
    """Row 1 of an epoch had the key of row 0 of the next: the epoch and the row were added."""
    keys = np.concatenate([row_keys(7, epoch, np.arange(50)) for epoch in range(20)])
    assert len(np.unique(keys, axis=0)) == len(keys)
    np.testing.assert_array_equal(keys[50:60], row_keys(7, 1, np.arange(10)))
    assert not np.isin(keys[:, 0], row_keys(8, 0, np.arange(1))[:, 0]).any()


def test_transforms_draw_independently() -> None:
    """The strengths of the transforms, measured in the images, are not correlated."""
    patch = np.full((2, 2, 3), 100, np.uint8)
    patch[0] = 150  # the difference of the rows measures the contrast
    patch[:, 0, 0] += 30  # the difference of the channels measures the saturation

    def strengths(config: ImagesConfig) -> np.ndarray:
        return in_tf_data(lambda key: augment(patch, 2, config, key), 300).astype(float)

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
        images = in_tf_data(partial(transform, config), 300)
        series += list(np.array([recovered(image) for image in images]).T[columns])
    assert all(np.std(each) > 0 for each in series)
    assert np.abs(np.corrcoef(series) - np.eye(len(series))).max() < 0.25
