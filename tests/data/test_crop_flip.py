import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kmlc.config import ImagesConfig
from kmlc.data import crop_flip
from kmlc.data.crop_flip import RandomCropFlip, crop_flip_resize, read_image, resize
from kmlc.data.images import decode
from kmlc.data.tta import View
from tests.data.augmenting import OFF
from tests.data.pictures import SMOOTH


def seed(number: int) -> np.ndarray:
    return np.array([7, number], np.int64)


def test_resize_is_antialiased() -> None:
    """One-pixel stripes become grey; without antialiasing they would stay stripes."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 16)
    assert small.shape == (16, 16, 3)
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small[:, 2:-2], 127.5, atol=4)


SIDES = [
    (1, 1, 16),
    (1, 1000, 16),
    (1000, 1, 16),
    (37, 53, 224),
    (240, 320, 64),
    (241, 319, 223),
    (16, 16, 16),
]


@pytest.mark.parametrize("with_pillow", [False, True])
@pytest.mark.parametrize(("height", "width", "size"), SIDES)
def test_resize_agrees_with_tensorflow_and_pillow_to_the_rounding(
    height: int, width: int, size: int, with_pillow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_pillow:
        monkeypatch.setattr(crop_flip, "cykooz_resizer", None)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = resize(pixels, size).astype(float)
    signal = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    for expected in (tf.image.resize(pixels, (size, size), antialias=True).numpy(), np.asarray(signal)):
        assert np.mean((found - expected) ** 2) < 255**2 / 10**5  # 50 dB
        assert np.abs(found - expected).max() <= 1.51


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("upside_down", [False, True])
def test_an_image_is_read_from_its_path_or_its_bytes_and_flipped(
    suffix: str, mirrored: bool, upside_down: bool, tmp_path: Path
) -> None:
    SMOOTH.save(tmp_path / f"é.{suffix}", quality=95)
    content = (tmp_path / f"é.{suffix}").read_bytes()
    view = View(0.6, 0.5, 0.67, mirrored, upside_down)
    top, left, height, width = view.window(24, 30)
    expected = resize(decode(content)[top : top + height, left : left + width], 9)
    expected = expected[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    for image in (str(tmp_path / f"é.{suffix}"), content):
        np.testing.assert_array_equal(read_image(image, 1, view, 9), expected)


def test_an_image_is_turned_before_it_is_framed() -> None:
    content = io.BytesIO()
    SMOOTH.save(content, "png")
    expected = crop_flip_resize(np.asarray(SMOOTH).swapaxes(0, 1), View(mirrored=True), 12)
    np.testing.assert_array_equal(read_image(content.getvalue(), 5, View(mirrored=True), 12), expected)


def test_crop_keeps_at_least_the_fraction() -> None:
    windows = np.array(
        [RandomCropFlip(ImagesConfig(crop=0.6), seed(each)).window(20, 30) for each in range(200)]
    )
    top, left, height, width = windows.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 20).all()
    assert (left + width <= 30).all()
    assert {height.min(), width.min()} == {12, 18}
    assert {height.max(), width.max()} == {19, 29}
    assert top.max() >= 6
    assert left.max() >= 9
    # Sides are uniform from 12 and from 18.
    assert height.mean() == pytest.approx(15.5, abs=0.7)
    assert width.mean() == pytest.approx(23.5, abs=1)


def test_crop_of_1_keeps_the_image() -> None:
    assert RandomCropFlip(ImagesConfig(crop=1), seed(0)).window(20, 30) == (0, 0, 20, 30)


def test_flips_only_in_allowed_directions() -> None:
    def outcomes(config: ImagesConfig) -> set[tuple[bool, bool]]:
        crop_flips = [RandomCropFlip(config, seed(number)) for number in range(40)]
        return {(each.upside_down, each.mirrored) for each in crop_flips}

    assert outcomes(ImagesConfig(horizontal_flip=True)) == {(False, False), (False, True)}
    assert outcomes(ImagesConfig(horizontal_flip=False, vertical_flip=True)) == {
        (False, False),
        (True, False),
    }
    assert outcomes(ImagesConfig(horizontal_flip=False)) == {(False, False)}


def test_draws_are_stable() -> None:
    """Switching a transform on must not change the draws of the others."""
    one = RandomCropFlip(ImagesConfig(crop=0.5), seed(3))
    other = RandomCropFlip(ImagesConfig(crop=0.5, vertical_flip=True, crop_area=0.5), seed(3))
    assert one.draws == other.draws
    assert one.mirrored == other.mirrored


def windows(config: ImagesConfig, height: int, width: int, count: int) -> np.ndarray:
    """Return top, left, height and width of many random crops."""
    return np.array([RandomCropFlip(config, seed(number)).window(height, width) for number in range(count)])


def simulated(config: ImagesConfig, height: int, width: int, count: int) -> np.ndarray:
    """RandomResizedCrop as torchvision documents it, in NumPy, without the fallback to the central crop."""
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
def test_crop_area_matches_torchvision(height: int, width: int) -> None:
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
        # First and second moments of area and ratio, and the centre of the window.
        return np.stack([area, area**2, ratio, ratio**2, top + rows / 2, left + columns / 2])

    ours, theirs = metrics(found), metrics(expected)
    error = np.sqrt((ours.var(axis=1) + theirs.var(axis=1)) / 3000)
    assert (np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) <= 4 * error).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 500), (0, 249, 1, 1)), ((500, 1), (249, 0, 1, 1)), ((500, 90), (190, 0, 120, 90))],
)
def test_central_crop_where_no_crop_fits(shape: tuple[int, int], expected: tuple[int, ...]) -> None:
    config = replace(OFF, crop_area=0.5)
    assert {tuple(window) for window in windows(config, *shape, 5)} == {expected}
