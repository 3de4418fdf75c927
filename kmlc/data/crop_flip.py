"""Crop, antialiased resizing and flips of an image, in one pass."""

import math
import threading
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from kmlc.config import ImagesConfig
from kmlc.data.images import decode, turn

try:
    import cykooz_resizer
except ImportError:  # it has no wheels for Linux on arm64
    cykooz_resizer = None

TRIES = 10
"""Number of rectangles that are drawn to find one that fits, as in torchvision."""


class CropFlip(Protocol):
    """Which window of an image is seen, and how it is flipped."""

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged."""

    @property
    def upside_down(self) -> bool:
        """Whether top and bottom are exchanged."""

    def window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return top, left, height and width of the window, given the height and the width of an image."""


@dataclass(frozen=True)
class RandomCropFlip:
    """The window and the flips of an augmented image, the part of augmentation that comes with the resizing.

    First a crop, of which each side keeps at least the fraction `config.crop`. Then, if `config.crop_area` is
    not 1, a crop of it to a random area and aspect ratio, as torchvision's RandomResizedCrop. The area is
    drawn uniformly from `config.crop_area` to 1, the aspect ratio log-uniformly from 1/`config.crop_ratio` to
    `config.crop_ratio`, ten times; the first crop that fits is used. If none fits, the crop is the largest
    central one within the ratio.

    Attributes:
        config: the strength of each transform.
        key: int64 of shape (2,), the stateless seed.
    """

    config: ImagesConfig
    key: np.ndarray

    @cached_property
    def draws(self) -> list[float]:
        """Random numbers from 0 to 1: flips, crop, crop by area."""
        generator = np.random.Generator(np.random.Philox(key=self.key.view(np.uint64)))
        return generator.random(6 + 2 * (1 + TRIES)).tolist()

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged."""
        return self.config.horizontal_flip and self.draws[0] < 0.5

    @property
    def upside_down(self) -> bool:
        """Whether top and bottom are exchanged."""
        return self.config.vertical_flip and self.draws[1] < 0.5

    def window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return top, left, height and width of the window, given the height and the width of an image."""
        kept_height = max(int(height * self._kept(self.draws[2])), 1)
        kept_width = max(int(width * self._kept(self.draws[3])), 1)
        top, left = _place(height, kept_height, self.draws[4]), _place(width, kept_width, self.draws[5])
        if self.config.crop_area == 1:
            return top, left, kept_height, kept_width
        down, right, rows, columns = self._resized_crop(kept_height, kept_width)
        return top + down, left + right, rows, columns

    def _kept(self, draw: float) -> float:
        return self.config.crop + (1 - self.config.crop) * draw

    def _resized_crop(self, height: int, width: int) -> tuple[int, int, int, int]:
        low, ratio, draws = self.config.crop_area, self.config.crop_ratio, self.draws[6:]
        for first, second in zip(draws[2::2], draws[3::2], strict=True):
            area = height * width * (low + (1 - low) * first)
            shape = ratio ** (2 * second - 1)
            rows, columns = round(math.sqrt(area / shape)), round(math.sqrt(area * shape))
            if 1 <= rows <= height and 1 <= columns <= width:
                return _place(height, rows, draws[0]), _place(width, columns, draws[1]), rows, columns
        rows, columns = min(height, round(width * ratio)), min(width, round(height * ratio))
        return (height - rows) // 2, (width - columns) // 2, rows, columns


def _place(side: int, kept: int, draw: float) -> int:
    """Return the start of a window of `kept` pixels, drawn uniformly."""
    return int((side - kept + 1) * draw)


def read_image(image: str | bytes, orientation: int, crop_flip: CropFlip, size: int) -> np.ndarray:
    """Return the window of an image file, (size, size, 3), given its path or its bytes."""
    content = Path(image).read_bytes() if isinstance(image, str) else image
    # Decoded as BGR where it is mirrored, as copying the bytes of a row in reverse order is faster.
    whole = turn(decode(content, blue_first=crop_flip.mirrored), orientation)
    pixels = crop_flip_resize(whole, crop_flip, size)
    return pixels[..., ::-1] if crop_flip.mirrored else pixels


def crop_flip_resize(image: np.ndarray, crop_flip: CropFlip, size: int) -> np.ndarray:
    """Return the window of a decoded image, uint8 (height, width, 3) → (size, size, 3)."""
    top, left, height, width = crop_flip.window(*image.shape[:2])
    pixels = resize(image[top : top + height, left : left + width], size)
    if crop_flip.mirrored:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if crop_flip.upside_down else pixels


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize an image to a square with Pillow's antialiased bilinear filter, (height, width, 3) uint8.

    `cykooz-resizer` uses the processor's vector instructions, equals Pillow up to rounding and releases
    Python's lock, so images are resized in parallel. Where it is not installed, Pillow resizes.
    """
    if cykooz_resizer is None:
        return _resize_with_pillow(image, size)
    kind = cykooz_resizer.PixelType.U8x3
    source = cykooz_resizer.ImageData(image.shape[1], image.shape[0], kind, image.tobytes())
    target = cykooz_resizer.ImageData(size, size, kind)
    if not hasattr(_thread, "resizer"):
        _thread.resizer = cykooz_resizer.Resizer()
    _thread.resizer.resize(source, target, _options())
    return np.frombuffer(target.get_buffer(), np.uint8).reshape(size, size, 3)


_thread = threading.local()
"""Has the resizer of each thread: resizers are locked while they work."""


@cache
def _options() -> object:
    bilinear = cykooz_resizer.ResizeAlg.convolution(cykooz_resizer.FilterType.bilinear)
    return cykooz_resizer.ResizeOptions(resize_alg=bilinear)


def _resize_with_pillow(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
