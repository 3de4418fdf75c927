"""What surrounds the labels of an image: the background of its scene, and obstacles before them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from kmlc.sample.pen import Colour


def background(scene: str, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Paint the background of a scene: two gradients, and shapes that show no label."""
    skies = ((150, 190, 226), (206, 216, 224), (240, 200, 160), (120, 150, 190), (228, 226, 220))
    walls = ((214, 200, 180), (190, 198, 190), (226, 214, 206), (160, 150, 160))
    grounds = {
        "street": ((128, 128, 130), (150, 146, 140)),
        "corner": ((160, 156, 150), (140, 138, 136)),
        "home": ((150, 110, 80), (180, 164, 150), (120, 80, 76)),
        "water": ((70, 120, 160), (90, 140, 150), (60, 96, 130)),
        "rails": ((150, 140, 124), (130, 126, 120)),
        "airfield": ((140, 142, 144), (150, 160, 130)),
    }.get(scene, ((110, 150, 80), (140, 160, 96), (178, 160, 120), (150, 146, 140)))
    top, ground = _choose(walls if scene == "home" else skies, rng), _choose(grounds, rng)
    horizon = int(height * rng.uniform(0.42, 0.66))
    rows = np.linspace(0.82, 1.1, height)[:, None]
    colours = np.where(np.arange(height)[:, None] < horizon, top, ground) * rows
    pixels = np.repeat(np.clip(colours, 0, 255).astype(np.uint8)[:, None], width, axis=1)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 5))):
        _scenery(scene, draw, width, height, horizon, rng)
    return image


def _scenery(
    scene: str, draw: ImageDraw.ImageDraw, width: int, height: int, horizon: int, rng: np.random.Generator
) -> None:
    """Draw one building, tree, cloud, hill or picture frame behind the labels."""
    x, size = rng.uniform(0, width), height * rng.uniform(0.12, 0.4)
    shade = int(rng.integers(90, 190))
    if scene == "home":
        draw.rectangle(
            (x, horizon * 0.2, x + size, horizon * 0.2 + size * 0.8), (shade, shade - 20, shade - 40)
        )
    elif scene in ("street", "corner", "rails") and rng.random() < 0.7:
        draw.rectangle((x, horizon - size * 1.3, x + size, horizon), (shade, shade - 12, shade - 24))
        for step in range(6):
            left, top = x + size * (0.15 + 0.4 * (step % 2)), horizon - size * (1.2 - 0.38 * (step // 2))
            draw.rectangle(
                (left, top, left + size * 0.25, top + size * 0.22), (shade - 50, shade - 40, shade - 30)
            )
    elif scene in ("water", "airfield") or rng.random() < 0.4:
        y = horizon * rng.uniform(0.1, 0.6)
        draw.ellipse((x, y, x + size * 1.6, y + size * 0.4), (242, 244, 246))
    else:
        draw.rectangle(
            (x - size * 0.07, horizon - size * 0.5, x + size * 0.07, horizon + size * 0.12), (98, 74, 54)
        )
        draw.ellipse(
            (x - size * 0.4, horizon - size * 1.2, x + size * 0.4, horizon - size * 0.3), (60, shade, 66)
        )


def obstacle(draw: ImageDraw.ImageDraw, image: Image.Image, rng: np.random.Generator) -> None:
    """Draw a bush or a post that hides part of what is behind it."""
    x, size = rng.uniform(0, image.width), image.height * rng.uniform(0.1, 0.2)
    if rng.random() < 0.5:
        draw.ellipse((x - size, image.height - size, x + size, image.height + size), (58, 104, 60))
    else:
        draw.rectangle(
            (x, image.height * rng.uniform(0.2, 0.5), x + size * 0.22, image.height), (124, 110, 96)
        )


def _choose(colours: Sequence[Colour], rng: np.random.Generator) -> np.ndarray:
    return np.array(colours[int(rng.integers(len(colours)))])
