"""What is known of an image before it is used: its hash, size and orientation, and what is wrong with it."""

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from kmlc.data.images import FORMATS, decode, orientation_of

MAX_SCANNED_PIXELS = 5 * 10**9
"""The most pixels times scans of a progressive JPEG: each scan is a pass over the image, so that a file of a
few kilobytes with thousands of scans, not ten as is usual, would be decoded for minutes."""


class ImageFacts(NamedTuple):
    """What is known of an image; of many images, an array of the dtype `FACTS`, with the same fields.

    Attributes:
        sha256: of the file's content, in hexadecimal; "" if it was not read.
        width: in pixels, as stored, before the orientation is applied; 0 if not known.
        height: likewise.
        orientation: how the stored image has to be turned, 1 to 8 as in EXIF; 1 is upright.
        problem: why the image cannot be used, or None if it can: "missing", "a folder", "empty", "not an
            image", "format TIFF is not read", "oversized", "too many scans", "corrupt", "not a regular file",
            "cannot be read (reason)", "outside the image folder".
    """

    sha256: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    problem: str | None = None


FACTS = np.dtype(
    [("sha256", "S64"), ("width", "u4"), ("height", "u4"), ("orientation", "u1"), ("problem", "O")]
)
"""The dtype of the facts of many images."""
NO_IMAGE = np.array(ImageFacts(), FACTS)
"""The facts of a row without an image."""
OUTSIDE = "outside the image folder"
"""The problem of an image whose name leads out of the image folder: its file is not touched."""


class _Problem(Exception):
    """Why an image cannot be used."""


def inspect(image: str | bytes, max_pixels: int) -> ImageFacts:
    """Read an image once; return its facts.

    The size is read from the header first, so that a small file that would decode to gigabytes is never
    decoded. Then it is decoded with the decoder that training uses, because decoders disagree about what is
    corrupt.

    Args:
        image: path of an image file, or its bytes.
        max_pixels: the most pixels an image may have.

    Example:
        inspect("bus.jpg", max_pixels=50_000_000).problem
    """
    sha256, width, height, orientation = "", 0, 0, 1
    try:
        content = _read(image, max_pixels) if isinstance(image, str) else image
        if not content:
            raise _Problem("empty")
        sha256 = hashlib.sha256(content).hexdigest()
        width, height, orientation, scans = _header(content)
        if width * height > max_pixels:
            raise _Problem("oversized")
        if width * height * scans > MAX_SCANNED_PIXELS:
            raise _Problem("too many scans")
        _try_to_decode(content)
    except _Problem as problem:
        return ImageFacts(sha256, width, height, orientation, str(problem))
    return ImageFacts(sha256, width, height, orientation)


def file_state(path: str, max_pixels: int) -> os.stat_result | str:
    """Return the state of a regular file, or the problem because of which it is not read.

    Opening a pipe or a device might block; and a file that is larger than any image of `max_pixels` pixels is
    not read into memory.
    """
    try:
        state = os.stat(path)  # noqa: PTH116 - a million paths
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError:  # a null character, or half of a surrogate pair
        return "cannot be read (no valid name)"
    if stat.S_ISDIR(state.st_mode):
        return "a folder"
    if not stat.S_ISREG(state.st_mode):
        return "not a regular file"
    if state.st_size == 0:
        return "empty"
    # At most 8 bytes a pixel (four channels of 16 bits); the rest is for metadata.
    return state if state.st_size <= 8 * max_pixels + 2**24 else "oversized"


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Hide Pillow's warnings of large images and broken EXIF data while the block runs: both are checked.

    Python's filter of warnings is one for all threads; so is this.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read(path: str, max_pixels: int) -> bytes:
    state = file_state(path, max_pixels)
    if isinstance(state, str):
        raise _Problem(state)
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - a million paths
            return stream.read()
    except FileNotFoundError:
        raise _Problem("missing") from None
    except OSError as error:
        raise _Problem(f"cannot be read ({error.strerror})") from None


def _header(content: bytes) -> tuple[int, int, int, int]:
    """Return width, height, orientation and number of scans."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as header:
            scans = content.count(b"\xff\xda") if "progressive" in header.info else 1
            return header.width, header.height, orientation_of(header), scans
    except Image.DecompressionBombError:
        raise _Problem("oversized") from None
    except UnidentifiedImageError:
        raise _Problem(_unread_format(content)) from None
    except Exception:  # Pillow's readers raise anything on broken headers
        raise _Problem("corrupt") from None


def _unread_format(content: bytes) -> str:
    """Return what is wrong with a file that is in none of the formats that are read."""
    Image.init()
    start = content[:16].ljust(16, b"\0")  # some readers look at bytes that a shorter file lacks
    for name, (_, accept) in Image.OPEN.items():
        if accept is not None and accept(start) is True:
            return "corrupt" if name in FORMATS else f"format {name} is not read"
    return "not an image"


def _try_to_decode(content: bytes) -> None:
    try:
        decode(content)
    except MemoryError:
        raise
    except Exception:  # Pillow's readers raise anything on broken data
        raise _Problem("corrupt") from None
