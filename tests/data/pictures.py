"""What tests of images share: a picture, and ways to write it."""

import numpy as np
from PIL import Image

# A smooth image: JPEG and palettes hardly change it.
PIXELS = np.stack(np.meshgrid(np.linspace(0, 250, 30), np.linspace(20, 200, 24)), axis=-1)
PIXELS = np.concatenate([PIXELS, np.full((24, 30, 1), 90)], axis=-1).astype(np.uint8)
SMOOTH = Image.fromarray(PIXELS)
GREY = np.asarray(SMOOTH.convert("L"), np.float32)


def with_alpha() -> Image.Image:
    image = SMOOTH.copy()
    image.putalpha(Image.linear_gradient("L").resize(SMOOTH.size).point(lambda level: 128 + level // 2))
    return image
