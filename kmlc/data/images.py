"""Images: checked before they are used, decoded and resized inside tf.data."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from kmlc.data.records import PLACEHOLDER


def find_problems(paths: Sequence[Path], max_pixels: int) -> list[str | None]:
    """Say of each file why it cannot be used as an image, or None if it can.

    The size is read from the header first, so that a small file that would decode to gigabytes is never
    decoded. What passes is decoded once with the decoder that training uses: two decoders do not always agree
    on what is broken.

    Args:
        paths: the files.
        max_pixels: the most pixels an image may have.

    Returns:
        For each file None, or a problem: "missing", "empty", "not an image", "oversized", "corrupt".
    """
    with warnings.catch_warnings():
        # Pillow warns of large images; the size is evaluated here.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        problems = [_header_problem(path, max_pixels) for path in paths]
    promising = [row for row, problem in enumerate(problems) if problem is None]
    for row in set(promising) - _decodable(paths, promising):
        problems[row] = "corrupt"
    return problems


def _header_problem(path: Path, max_pixels: int) -> str | None:
    try:
        if path.stat().st_size == 0:
            return "empty"
        with Image.open(path) as image:
            return "oversized" if image.width * image.height > max_pixels else None
    except FileNotFoundError:
        return "missing"
    except Image.DecompressionBombError:
        return "oversized"
    except UnidentifiedImageError:
        return "not an image"
    except (OSError, ValueError, SyntaxError):  # what Pillow's readers raise on broken headers
        return "missing" if path.is_dir() else "corrupt"


def _decodable(paths: Sequence[Path], rows: Sequence[int]) -> set[int]:
    """Return which of the rows have an image that decodes."""

    def decode_row(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Something of the pixels must be asked for, or the decoding is left out.
        return row, tf.shape(decode(tf.io.read_file(path)))

    names = [str(paths[row]) for row in rows]
    dataset = tf.data.Dataset.from_tensor_slices((tf.constant(rows, tf.int64), tf.constant(names, tf.string)))
    dataset = dataset.map(decode_row, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    return {int(row) for row, _ in dataset.as_numpy_iterator()}


def decode(content: tf.Tensor) -> tf.Tensor:
    """Decode JPEG, PNG, WebP, BMP or the first frame of a GIF.

    Args:
        content: a file's bytes, a scalar string. CMYK, grey, palette and 16-bit images become 8-bit RGB;
            transparency is dropped.

    Returns:
        uint8 tensor of shape (height, width, 3).
    """
    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return image


def resize(image: tf.Tensor, size: int) -> tf.Tensor:
    """Resize an image to a square, antialiased.

    Returns:
        float32 tensor of shape (size, size, 3) with values from 0 to 255.
    """
    return tf.ensure_shape(tf.image.resize(image, (size, size), antialias=True), (size, size, 3))


def placeholder_image(size: int) -> tf.Tensor:
    """Return the mid-grey image that stands for one that cannot be read, float32 (size, size, 3)."""
    return tf.fill((size, size, 3), PLACEHOLDER)
