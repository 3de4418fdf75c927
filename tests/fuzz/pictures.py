"""Image files made by code: one of each format, and small files that decode to very much."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin


def _saved(kind: str, image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _photo(mode: str = "RGB", size: tuple[int, int] = (24, 20)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(width: int, height: int, rows: int) -> bytes:
    """Return a PNG of one colour whose header says `height` and which has `rows` rows of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packed = zlib.compress(bytes((width // 8 + 2) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _animated(kind: str, frames: int, size: int) -> bytes:
    images = [
        Image.new("P" if kind == "gif" else "RGB", (size, size), number % 250) for number in range(frames)
    ]
    return _saved(kind, images[0], save_all=True, append_images=images[1:], duration=10, loop=0)


def _gif_of_large_frames() -> bytes:
    """Return a GIF of 400 frames of 1,000 by 1,000 pixels; each frame refers to the same few bytes."""
    one = _animated("gif", 2, 1000)
    head, _, frame = one.rpartition(b"\x21\xf9\x04")
    return head + (b"\x21\xf9\x04" + frame.removesuffix(b";")) * 399 + b";"


def _bmp(width: int, height: int, bits: int = 24) -> bytes:
    """Return a BMP whose header says these sizes, with a few pixels."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 14 + 40 + 64, 0, 0, 54) + info + bytes(64)


def _scans(count: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated."""
    whole = _saved("jpeg", _photo(size=(64, 64)), progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * count + whole[-2:]


def _with_text(size: int) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * size, zip=True)
    return _saved("png", _photo(), pnginfo=text)


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved("jpeg", _photo(), exif=exif)


VALID: dict[str, bytes] = {
    "rgb.jpg": _saved("jpeg", _photo()),
    "grey.jpg": _saved("jpeg", _photo("L")),
    "cmyk.jpg": _saved("jpeg", _photo("CMYK")),
    "turned.jpg": _turned(),
    "progressive.jpg": _saved("jpeg", _photo(), progressive=True),
    "rgb.png": _saved("png", _photo()),
    "rgba.png": _saved("png", _photo("RGBA")),
    "palette.png": _saved("png", _photo("P")),
    "bits.png": _saved("png", _photo("1")),
    "deep.png": _saved("png", Image.fromarray(np.full((20, 24), 40_000, np.uint16))),
    "rgb.webp": _saved("webp", _photo()),
    "rgba.webp": _saved("webp", _photo("RGBA")),
    "lossless.webp": _saved("webp", _photo("RGBA"), lossless=True),
    "animated.webp": _animated("webp", 3, 20),
    "rgb.bmp": _saved("bmp", _photo()),
    "palette.bmp": _saved("bmp", _photo("P")),
    "grey.bmp": _saved("bmp", _photo("L")),
    "still.gif": _saved("gif", _photo("P")),
    "animated.gif": _animated("gif", 3, 20),
    "no.tif": _saved("tiff", _photo()),
    "no.ppm": _saved("ppm", _photo()),
    "animated.png": _animated("png", 3, 20),
}
"""A file of each format and mode, by a name that says which."""

BOMBS: dict[str, bytes] = {
    "wide.png": _png(30_000, 30_000, 30_000),
    "short.png": _png(20_000, 2_000, 3),
    "endless.png": _png(2**31 - 1, 2**31 - 1, 1),
    "zero.png": _png(0, 0, 0),
    "frames.gif": _gif_of_large_frames(),
    "many.gif": _animated("gif", 1500, 4),
    "frames.webp": _animated("webp", 200, 64),
    "huge.bmp": _bmp(2**31 - 1, 2**31 - 1),
    "negative.bmp": _bmp(-10, -(2**31)),
    "large.bmp": _bmp(7_000, 7_000),
    "odd.bmp": _bmp(4, 4, 7),
    "scans.jpg": _scans(2_000),
    "text.png": _with_text(50_000_000),
    "tall.png": _png(1, 49_999_999, 49_999_999),
}
"""Small files that decode, or say that they decode, to very much."""
