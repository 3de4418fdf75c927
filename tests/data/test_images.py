import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kmlc.data.images import are_paths, decode, encode, find_problems, placeholder_image, read_image, resize

# A smooth image: JPEG and palettes hardly change it.
PIXELS = np.stack(np.meshgrid(np.linspace(0, 250, 30), np.linspace(20, 200, 24)), axis=-1)
PIXELS = np.concatenate([PIXELS, np.full((24, 30, 1), 90)], axis=-1).astype(np.uint8)
SMOOTH = Image.fromarray(PIXELS)
GREY = np.asarray(SMOOTH.convert("L"), np.float32)


def claim_size(path: Path, width: int, height: int) -> None:
    """Write a small PNG whose header claims another size."""
    SMOOTH.save(path)
    content = path.read_bytes()
    chunk = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    path.write_bytes(content[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:])


def with_alpha() -> Image.Image:
    image = SMOOTH.copy()
    image.putalpha(Image.linear_gradient("L").resize(SMOOTH.size).point(lambda level: 128 + level // 2))
    return image


def animated(image: Image.Image, path: Path) -> None:
    others = [image.transpose(Image.Transpose.ROTATE_180)] * 3
    image.save(path, lossless=True, exact=True, save_all=True, append_images=others, duration=100)


def sixteen_bit(path: Path) -> None:
    Image.fromarray((GREY * 257).astype(np.uint16)).save(path)


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
}


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_image_becomes_rgb(name: str, tmp_path: Path) -> None:
    save, expected, tolerance = GOOD[name]
    save(tmp_path / name)
    assert find_problems([str(tmp_path / name)], 10_000) == [None]
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


def text_file(path: Path) -> None:
    path.write_text("this is no image")


def truncated_jpeg(path: Path) -> None:
    SMOOTH.resize((90, 90)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncated_png(path: Path) -> None:
    Image.effect_noise((60, 60), 50).save(path)
    path.write_bytes(path.read_bytes()[:-800])


def wrong_body(path: Path) -> None:
    SMOOTH.save(path)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)


def truncated_webp(path: Path) -> None:
    with_alpha().resize((90, 90)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "none.jpg": (lambda path: None, "missing"),
    "folder.jpg": (Path.mkdir, "missing"),
    "empty.jpg": (Path.touch, "empty"),
    "text.jpg": (text_file, "not an image"),
    "truncated.jpg": (truncated_jpeg, "corrupt"),
    "truncated.png": (truncated_png, "corrupt"),
    "truncated.webp": (truncated_webp, "corrupt"),
    "body.png": (wrong_body, "corrupt"),
    "large.png": (lambda path: claim_size(path, 20_000, 20_000), "oversized"),
    "medium.png": (lambda path: claim_size(path, 101, 100), "oversized"),
}


@pytest.mark.parametrize("name", BAD)
def test_every_kind_of_problem_is_found(name: str, tmp_path: Path) -> None:
    make, problem = BAD[name]
    make(tmp_path / name)
    SMOOTH.save(tmp_path / "good.png")
    paths = [str(tmp_path / each) for each in ("good.png", name, "good.png")]
    assert find_problems(paths, max_pixels=10_000) == [None, problem, None]


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("none.jpg", "folder.jpg")])
def test_every_kind_of_problem_is_found_in_bytes(name: str, tmp_path: Path) -> None:
    make, problem = BAD[name]
    make(tmp_path / name)
    SMOOTH.save(tmp_path / "good.png")
    good, bad = (tmp_path / "good.png").read_bytes(), (tmp_path / name).read_bytes()
    assert find_problems([good, bad, str(tmp_path / "good.png")], max_pixels=10_000) == [None, problem, None]


def test_an_image_is_read_from_its_path_or_its_bytes(tmp_path: Path) -> None:
    SMOOTH.save(tmp_path / "é.png")
    content = (tmp_path / "é.png").read_bytes()
    images: list[str | bytes] = [str(tmp_path / "é.png"), content]
    for image, is_path in zip(images, are_paths(images), strict=True):
        assert read_image(tf.constant(image), is_path).numpy() == content


def test_resize_is_antialiased() -> None:
    """One-pixel stripes become grey; without antialiasing they would stay stripes."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(tf.constant(stripes), 16).numpy()
    assert small.shape == (16, 16, 3)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small[:, 2:-2], 127.5, atol=4)


def test_the_placeholder_image_is_mid_grey() -> None:
    np.testing.assert_array_equal(placeholder_image(4), np.full((4, 4, 3), 127.5, np.float32))
