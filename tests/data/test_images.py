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
    image = decode((tmp_path / name).read_bytes())
    assert image.dtype == np.uint8
    assert image.shape == (24, 30, 3)
    assert np.abs(image.astype(float) - expected).mean() <= tolerance
    blue_first = decode((tmp_path / name).read_bytes(), blue_first=True)
    np.testing.assert_array_equal(blue_first, image[..., ::-1])


@pytest.mark.parametrize("name", GOOD)
def test_an_image_opened_by_pillow_is_its_file_but_for_jpeg(name: str, tmp_path: Path) -> None:
    GOOD[name][0](tmp_path / name)
    with Image.open(tmp_path / name) as image:
        found = decode(encode(image)).astype(float)
    expected = decode((tmp_path / name).read_bytes())
    assert np.abs(found - expected).mean() <= (2 if name.endswith(".jpg") else 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F"])
def test_an_image_of_any_mode_becomes_rgb(mode: str) -> None:
    image = (SMOOTH if mode != "PA" else SMOOTH.convert("P")).convert(mode)
    if mode == "LA":
        image = SMOOTH.convert("L").convert("LA")
    found = decode(encode(image)).astype(float)
    assert np.abs(found - np.asarray(image.convert("RGB"))).max() <= 1


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_is_decoded_as_by_pillow_and_tensorflow(subsampling: int) -> None:
    content = io.BytesIO()
    SMOOTH.save(content, "jpeg", subsampling=subsampling)
    found = decode(content.getvalue())
    np.testing.assert_array_equal(found, np.asarray(Image.open(content)))
    accurate = tf.io.decode_jpeg(content.getvalue(), dct_method="INTEGER_ACCURATE")
    np.testing.assert_array_equal(found, accurate)


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
    found = turn(decode(path.read_bytes()), facts.orientation)
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
