import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kmlc.data.image_facts import inspect
from kmlc.data.images import (
    ORIENTATION,
    decode,
    encode,
    orientation_of,
    placeholder_image,
    read_image,
    resize,
    turn,
)
from tests.data.pictures import GREY, PIXELS, SMOOTH, with_alpha


def animated(image: Image.Image, path: Path) -> None:
    others = [image.transpose(Image.Transpose.ROTATE_180)] * 3
    image.save(path, lossless=True, exact=True, save_all=True, append_images=others, duration=100)


def sixteen_bit(path: Path) -> None:
    Image.fromarray((GREY * 257).astype(np.uint16)).save(path)


def top_down(path: Path) -> None:
    SMOOTH.save(path)
    content = bytearray(path.read_bytes())
    content[22:26] = (-SMOOTH.height).to_bytes(4, "little", signed=True)
    path.write_bytes(content)


PALETTE = SMOOTH.quantize(16)
BITS = Image.fromarray(np.where(PIXELS[..., :1] < 100, 0, 255).repeat(3, axis=2).astype(np.uint8))

GOOD: dict[str, tuple[Callable[[Path], None], np.ndarray, float]] = {
    "rgb.jpg": (lambda path: SMOOTH.save(path, quality=95), PIXELS, 2),
    "cmyk.jpg": (lambda path: SMOOTH.convert("CMYK").save(path, quality=95), PIXELS, 4),
    "grey.jpg": (lambda path: SMOOTH.convert("L").save(path, quality=95), GREY[..., None], 2),
    "rgb.png": (SMOOTH.save, PIXELS, 0),
    "palette.png": (lambda path: SMOOTH.convert("P", palette=Image.Palette.ADAPTIVE).save(path), PIXELS, 6),
    "16bit.png": (sixteen_bit, GREY[..., None], 1),
    "alpha.png": (lambda path: SMOOTH.convert("RGBA").save(path), PIXELS, 0),
    "lossless.webp": (lambda path: SMOOTH.save(path, lossless=True), PIXELS, 0),
    "alpha.webp": (lambda path: with_alpha().save(path, lossless=True, exact=True), PIXELS, 0),
    "alpha_lossy.webp": (lambda path: with_alpha().save(path, quality=95), PIXELS, 3),
    "animated.webp": (lambda path: animated(SMOOTH, path), PIXELS, 0),
    "animated_alpha.webp": (lambda path: animated(with_alpha(), path), PIXELS, 0),
    "still.bmp": (SMOOTH.save, PIXELS, 0),
    "bits.bmp": (lambda path: BITS.convert("1").save(path), np.asarray(BITS), 0),
    "palette.bmp": (lambda path: PALETTE.save(path), np.asarray(PALETTE.convert("RGB")), 0),
    "grey.bmp": (lambda path: SMOOTH.convert("L").save(path), GREY[..., None], 0),
    "alpha.bmp": (lambda path: with_alpha().save(path), PIXELS, 0),
    "top_down.bmp": (top_down, PIXELS[::-1], 0),
    "still.gif": (PALETTE.save, np.asarray(PALETTE.convert("RGB")), 0),
    "animated.gif": (lambda path: animated(PALETTE, path), np.asarray(PALETTE.convert("RGB")), 0),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_image_becomes_rgb(name: str, tmp_path: Path) -> None:
    save, expected, tolerance = GOOD[name]
    save(tmp_path / name)
    assert inspect(str(tmp_path / name), 10_000).problem is None
    image = decode(tf.io.read_file(str(tmp_path / name)))
    assert image.dtype == tf.uint8
    assert image.shape == (24, 30, 3)
    assert np.abs(image.numpy().astype(float) - expected).mean() <= tolerance


@pytest.mark.parametrize("name", GOOD)
def test_an_image_opened_by_pillow_is_its_file_but_for_jpeg(name: str, tmp_path: Path) -> None:
    GOOD[name][0](tmp_path / name)
    with Image.open(tmp_path / name) as image:
        found = decode(encode(image)).numpy().astype(float)
    expected = decode(tf.io.read_file(str(tmp_path / name))).numpy()
    assert np.abs(found - expected).mean() <= (2 if name.endswith(".jpg") else 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F"])
def test_an_image_of_any_mode_becomes_rgb(mode: str) -> None:
    image = (SMOOTH if mode != "PA" else SMOOTH.convert("P")).convert(mode)
    if mode == "LA":
        image = SMOOTH.convert("L").convert("LA")
    found = decode(encode(image)).numpy().astype(float)
    assert np.abs(found - np.asarray(image.convert("RGB"))).max() <= 1


def test_an_image_is_read_from_its_path_or_its_bytes(tmp_path: Path) -> None:
    SMOOTH.save(tmp_path / "é.png")
    content = (tmp_path / "é.png").read_bytes()
    for image, is_path in ((str(tmp_path / "é.png"), True), (content, False)):
        assert read_image(tf.constant(image), tf.constant(is_path)).numpy() == content


def test_resize_is_antialiased() -> None:
    """One-pixel stripes become grey; without antialiasing they would stay stripes."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(tf.constant(stripes), 16).numpy()
    assert small.shape == (16, 16, 3)
    assert small.dtype == np.float32
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


@pytest.mark.parametrize(("height", "width", "size"), SIDES)
def test_resize_agrees_with_tensorflow_to_the_rounding_and_with_pillow_exactly(
    height: int, width: int, size: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = resize(tf.constant(pixels), size).numpy()
    expected = tf.image.resize(pixels, (size, size), antialias=True).numpy()
    assert np.mean((found - expected) ** 2) < 255**2 / 10**5  # 50 dB
    assert np.abs(found - expected).max() <= 1.01
    signal = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found, np.asarray(signal))


def test_resize_in_tf_data_is_resize_eagerly() -> None:
    images = [
        np.random.default_rng(side).integers(0, 256, (side, 90, 3), np.uint8) for side in range(1, 90, 8)
    ]
    dataset = tf.data.Dataset.from_generator(
        lambda: images, output_signature=tf.TensorSpec((None, 90, 3), tf.uint8)
    )
    for _ in range(2):
        found = dataset.map(lambda image: resize(image, 24), num_parallel_calls=4).as_numpy_iterator()
        for image, inside in zip(images, found, strict=True):
            np.testing.assert_array_equal(inside, resize(tf.constant(image), 24))


def test_the_placeholder_image_is_mid_grey() -> None:
    np.testing.assert_array_equal(placeholder_image(4), np.full((4, 4, 3), 127.5, np.float32))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_orientation_is_applied_as_pillow_does(orientation: int, suffix: str, tmp_path: Path) -> None:
    """EXIF orientation was ignored: photos of a telephone lay on their side."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"photo.{suffix}"
    SMOOTH.save(path, exif=exif, quality=95)
    facts = inspect(str(path), 10_000)
    assert (facts.width, facts.height, facts.orientation) == (30, 24, orientation)
    found = turn(decode(path.read_bytes()), facts.orientation).numpy()
    with Image.open(path) as image:
        assert orientation_of(Image.open(io.BytesIO(encode(image)))) == orientation
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert found.shape == ((24, 30, 3) if orientation < 5 else (30, 24, 3))
    assert np.abs(found.astype(float) - expected).mean() <= (0 if suffix == "png" else 2)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_data_are_no_orientation() -> None:
    for exif in (b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"\xff" * 40):
        content = io.BytesIO()
        SMOOTH.save(content, "jpeg", exif=exif)
        facts = inspect(content.getvalue(), 10_000)
        assert (facts.orientation, facts.problem) == (1, None)
