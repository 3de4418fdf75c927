"""Images: decoded and resized inside tf.data."""

import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""The formats that are read, by their names in Pillow."""
ORIENTATION = 0x0112
"""The EXIF tag of the orientation."""


def read_image(image: tf.Tensor, is_path: tf.Tensor) -> tf.Tensor:
    """Return the bytes of an image file, a scalar string, given its path or the bytes themselves."""
    return tf.cond(is_path, lambda: tf.io.read_file(image), lambda: image)


def encode(image: Image.Image) -> bytes:
    """Return a Pillow image as a PNG file, which is lossless; a mode that PNG lacks becomes RGB.

    Its EXIF orientation is kept.

    Raises:
        OSError, ValueError, SyntaxError: if the image is not in memory yet and its file is corrupt.
    """
    content, exif = io.BytesIO(), Image.Exif()
    if (orientation := orientation_of(image)) != 1:
        exif[ORIENTATION] = orientation
    modes = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
    image = image if image.mode in modes else image.convert("RGB")
    image.save(content, "png", compress_level=1, exif=exif)
    return content.getvalue()


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an image, 1 to 8; 1 where none is given or its EXIF data are broken."""
    try:
        # Pillow's own method for PNG decodes the image first, as EXIF data may come after its pixels.
        orientation = Image.Image.getexif(image).get(ORIENTATION)
    except Exception:  # Pillow's reader raises anything on broken data
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def decode(content: tf.Tensor) -> tf.Tensor:
    """Decode JPEG, PNG, WebP, BMP or GIF; of an animation only the first frame.

    Args:
        content: a file's bytes, a scalar string. CMYK, grey, palette and 16-bit images become 8-bit RGB;
            transparency is dropped. The EXIF orientation is not applied; `turn` does that.

    Returns:
        uint8 tensor of shape (height, width, 3).
    """
    image = tf.cond(
        # First, as most images are JPEG: the questions about the other formats take a third of its decoding.
        tf.equal(tf.strings.substr(content, 0, 2), b"\xff\xd8"),
        lambda: tf.io.decode_jpeg(content, channels=3),
        lambda: tf.cond(
            _needs_pillow(content),
            lambda: tf.numpy_function(_decode_with_pillow, [content], tf.uint8, stateful=False),
            lambda: tf.io.decode_image(content, channels=3, expand_animations=False),
        ),
    )
    image.set_shape((None, None, 3))
    return image


def turn(image: tf.Tensor, orientation: tf.Tensor | int) -> tf.Tensor:
    """Turn an image upright, (height, width, 3) → (height, width, 3) or (width, height, 3).

    Args:
        image: the image as it is stored.
        orientation: a scalar integer from 1, which changes nothing, to 8, as in EXIF.
    """

    def turned() -> tf.Tensor:
        upright = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        upright = tf.cond(_is_one_of(orientation, (2, 3, 6, 7)), lambda: upright[:, ::-1], lambda: upright)
        return tf.cond(_is_one_of(orientation, (3, 4, 7, 8)), lambda: upright[::-1], lambda: upright)

    return tf.cond(tf.equal(orientation, 1), lambda: image, turned)


def _is_one_of(value: tf.Tensor | int, values: Sequence[int]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(value, values))


def _needs_pillow(content: tf.Tensor) -> tf.Tensor:
    """Return whether Pillow decodes a file that is not JPEG, not TensorFlow, a scalar bool.

    TensorFlow refuses a WebP with transparency and may crash on one with animation; the flags of the header:
    https://developers.google.com/speed/webp/docs/riff_container. It decodes every frame of a GIF, which may
    be gigabytes, to return the first. It takes the indices of a palette in a BMP for colours, and knows
    neither bit fields nor compression; it decodes those of 24 bits a pixel.
    """
    header = tf.io.decode_raw(content, tf.uint8, fixed_length=34)
    is_webp = tf.reduce_all(header[8:12] == list(b"WEBP"))
    lossless = tf.reduce_all(header[12:16] == list(b"VP8L")) & (header[24] & 0b0001_0000 != 0)
    extended = tf.reduce_all(header[12:16] == list(b"VP8X")) & (header[20] & 0b0001_0010 != 0)
    is_gif = tf.reduce_all(header[:4] == list(b"GIF8"))
    is_bmp = tf.reduce_all(header[:2] == list(b"BM"))
    # Bits a pixel, then the kind of compression, in a header of 40 bytes or more.
    plain = (header[14] >= 40) & tf.reduce_all(header[28:34] == [24, 0, 0, 0, 0, 0])
    return (is_webp & (lossless | extended)) | is_gif | (is_bmp & ~plain)


def _decode_with_pillow(content: bytes | np.ndarray) -> np.ndarray:
    # TensorFlow passes bytes in a pipeline, but an array of one object when it runs eagerly.
    with Image.open(io.BytesIO(np.asarray(content, object).item()), formats=FORMATS) as image:
        return np.asarray(image.convert("RGB"))


def resize(image: tf.Tensor, size: int) -> tf.Tensor:
    """Resize a uint8 image to a square with Pillow's antialiased bilinear filter.

    Its fixed-point arithmetic takes half the processor time of `tf.image.resize` (docs/speed.md) and rounds
    to whole levels. It releases Python's lock, so images are resized in parallel.

    Returns:
        float32 tensor of shape (size, size, 3) with whole values from 0 to 255.
    """
    pixels = tf.numpy_function(_resize_with_pillow, [image, size], tf.uint8, stateful=False)
    return tf.cast(tf.ensure_shape(pixels, (size, size, 3)), tf.float32)


def _resize_with_pillow(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def placeholder_image(size: int) -> tf.Tensor:
    """Return the mid-grey image that replaces a missing or unreadable one, float32 (size, size, 3)."""
    return tf.fill((size, size, 3), 127.5)
