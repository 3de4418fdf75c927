"""Images of the sample: simple drawings of the labels on random backgrounds."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from kmlc.sample.drawings import DRAWINGS, IN_THE_AIR
from kmlc.sample.pen import Pen
from kmlc.sample.scenery import background, obstacle
from kmlc.sample.scenes import Row

_SCALE = 2
"""Images are drawn at twice their size, then reduced, for smooth edges."""


def draw_image(row: Row, rng: np.random.Generator) -> Image.Image:
    """Draw a row's labels on a background of its scene.

    Returns:
        An RGB image, 150 to 320 pixels on each side.
    """
    width, height = (int(side) for side in rng.integers(200, 321, 2))
    if rng.random() < 0.3:
        height = int(rng.integers(150, 200))
    image = background(row.scene, width * _SCALE, height * _SCALE, rng)
    draw = ImageDraw.Draw(image)
    slots = rng.permutation(len(row.drawn))
    for slot, label in zip(slots, row.drawn, strict=True):
        box = _box(label, slot, len(row.drawn), image, rng)
        DRAWINGS[label].draw(Pen(draw, box, rng.random() < 0.5, rng))
        if rng.random() < 0.15:
            obstacle(draw, image, rng)
    return _photographed(image.resize((width, height), Image.Resampling.BOX), rng)


def _box(
    label: int, slot: int, slots: int, image: Image.Image, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return the box of a drawing: beside the others, partly over them, sometimes over the edge."""
    drawing = DRAWINGS[label]
    height = image.height * drawing.height * rng.uniform(1.0, 1.5)
    # Up to 1.8 times its share of the width: neighbours overlap.
    height = min(height, image.width * min(0.98, 1.8 / slots) / drawing.ratio)
    width = height * drawing.ratio
    centre = image.width * (slot + 0.5 + rng.uniform(-0.25, 0.25)) / slots
    bottom = image.height * (rng.uniform(0.5, 0.75) if label in IN_THE_AIR else rng.uniform(0.84, 1.02))
    return centre - width / 2, bottom - height, width, height


def _photographed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Blur some images, change light and contrast, add a sensor's noise."""
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.2)))
    pixels = np.asarray(image, np.float32)
    pixels = (pixels - 128) * rng.uniform(0.8, 1.1) + 128 + rng.uniform(-22, 22)
    pixels += rng.normal(0, rng.uniform(2, 6), pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
