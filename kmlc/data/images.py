"""Images: decoded and resized inside tf.data."""

import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""The formats that are read, by their names in Pillow."""


def are_paths(images: Sequence[str | bytes]) -> tf.Tensor:
    """Return which images are given by their paths, bool of shape (images,)."""
    return tf.constant([isinstance(image, str) for image in images], tf.bool)


def read_image(image: tf.Tensor, is_path: tf.Tensor) -> tf.Tensor:
    """Return the bytes of an image file, a scalar string, given its path or the bytes themselves."""
    return tf.cond(is_path, lambda: tf.io.read_file(image), lambda: image)


def encode(image: Image.Image) -> bytes:
    """Return a Pillow image as a PNG file, which is lossless; a mode that PNG lacks becomes RGB.

    Raises:
        OSError, ValueError, SyntaxError: if the image is not in memory yet and its file is corrupt.
    """
    content = io.BytesIO()
    modes = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
    (image if image.mode in modes else image.convert("RGB")).save(content, "png", compress_level=1)
    return content.getvalue()


def decode(content: tf.Tensor) -> tf.Tensor:
    """Decode JPEG, PNG, BMP, or the first frame of a WebP or GIF.

    Args:
        content: a file's bytes, a scalar string. CMYK, grey, palette and 16-bit images become 8-bit RGB;
            transparency is dropped.

    Returns:
        uint8 tensor of shape (height, width, 3).
    """
    image = tf.cond(
        _needs_pillow(content),
        lambda: tf.numpy_function(_decode_with_pillow, [content], tf.uint8, stateful=False),
        lambda: tf.io.decode_image(content, channels=3, expand_animations=False),
    )
    image.set_shape((None, None, 3))
    return image


def _needs_pillow(content: tf.Tensor) -> tf.Tensor:
    """Return whether a file is a WebP with transparency or animation, a scalar bool.

    TensorFlow refuses the former, and may crash on the latter. The flags of the header:
    https://developers.google.com/speed/webp/docs/riff_container
    """
    header = tf.io.decode_raw(content, tf.uint8, fixed_length=25)
    is_webp = tf.reduce_all(header[8:12] == list(b"WEBP"))
    lossless = tf.reduce_all(header[12:16] == list(b"VP8L")) & (header[24] & 0b0001_0000 != 0)
    extended = tf.reduce_all(header[12:16] == list(b"VP8X")) & (header[20] & 0b0001_0010 != 0)
    return is_webp & (lossless | extended)


def _decode_with_pillow(content: bytes | np.ndarray) -> np.ndarray:
    # TensorFlow passes bytes in a pipeline, but an array of one object when it runs eagerly.
    with Image.open(io.BytesIO(np.asarray(content, object).item()), formats=FORMATS) as image:
        return np.asarray(image.convert("RGB"))


def resize(image: tf.Tensor, size: int) -> tf.Tensor:
    """Resize an image to a square, antialiased.

    Returns:
        float32 tensor of shape (size, size, 3) with values from 0 to 255.
    """
    return tf.ensure_shape(tf.image.resize(image, (size, size), antialias=True), (size, size, 3))


def placeholder_image(size: int) -> tf.Tensor:
    """Return the mid-grey image that replaces a missing or unreadable one, float32 (size, size, 3)."""
    return tf.fill((size, size, 3), 127.5)
