"""Images: encoded, decoded, turned upright."""

import io

import numpy as np
import simplejpeg
import tensorflow as tf
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""The formats that are read, by their names in Pillow."""
ORIENTATION = 0x0112
"""The EXIF tag of the orientation."""
PLACEHOLDER = 128
"""The level of all pixels of the placeholder image, which replaces a missing or unreadable one: mid-grey."""


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


def decode(content: bytes, blue_first: bool = False) -> np.ndarray:
    """Decode JPEG, PNG, WebP, BMP or GIF; of an animation only the first frame.

    Args:
        content: a file's bytes. CMYK, grey, palette and 16-bit images become 8-bit RGB; transparency is
            dropped. The EXIF orientation is not applied; `turn` does that.
        blue_first: return blue, green and red.

    Returns:
        uint8 array of shape (height, width, 3).

    Raises:
        Exception: if the file is corrupt, of many kinds; TensorFlow's and Pillow's readers raise them.
    """
    if content[:2] == b"\xff\xd8":
        try:
            # Pixels equal Pillow's, but by up to one level in CMYK, without its overhead.
            return simplejpeg.decode_jpeg(content, "BGR" if blue_first else "RGB")
        except ValueError:  # a flaw that TensorFlow may overlook
            image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE").numpy()
    elif _needs_pillow(content):
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            image = np.asarray(opened.convert("RGB"))
    else:
        image = tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    return image[..., ::-1] if blue_first else image


def _needs_pillow(content: bytes) -> bool:
    """Return whether Pillow decodes a file that is not JPEG, not TensorFlow.

    TensorFlow refuses a WebP with transparency and may crash on one with animation; the flags of the header:
    https://developers.google.com/speed/webp/docs/riff_container. It decodes every frame of a GIF, which may
    be gigabytes, to return the first. It takes the indices of a palette in a BMP for colours, and knows
    neither bit fields nor compression.
    """
    header = content[:25].ljust(25, b"\0")
    lossless = header[12:16] == b"VP8L" and header[24] & 0b0001_0000 != 0
    extended = header[12:16] == b"VP8X" and header[20] & 0b0001_0010 != 0
    return (
        (header[8:12] == b"WEBP" and (lossless or extended)) or header[:4] == b"GIF8" or header[:2] == b"BM"
    )


def turn(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image upright, (height, width, 3) → (height, width, 3) or (width, height, 3).

    Args:
        image: the image as it is stored.
        orientation: from 1, which changes nothing, to 8, as in EXIF.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image[::-1] if orientation in (3, 4, 7, 8) else image
