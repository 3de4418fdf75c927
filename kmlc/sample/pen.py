"""A pen that draws into a box of an image, and its paints."""

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]

PAINTS: tuple[Colour, ...] = (
    (196, 49, 45),
    (38, 84, 160),
    (236, 236, 230),
    (52, 56, 64),
    (226, 172, 46),
    (44, 122, 84),
    (142, 150, 160),
    (120, 60, 110),
    (214, 116, 52),
)


class Pen:
    """Draws into a box of an image in coordinates from 0 to 1, mirrored or not.

    Args:
        draw: the image.
        box: left, top, width and height in pixels.
        mirrored: whether left and right are swapped.
        rng: for colours and details.
    """

    def __init__(
        self,
        draw: ImageDraw.ImageDraw,
        box: tuple[float, float, float, float],
        mirrored: bool,
        rng: np.random.Generator,
    ) -> None:
        self._draw, self._box, self._mirrored, self.rng = draw, box, mirrored, rng

    def paint(self, choices: Sequence[Colour] = PAINTS) -> Colour:
        """Return one of the colours with a little noise."""
        colour = np.array(choices[int(self.rng.integers(len(choices)))]) + self.rng.integers(-14, 15, 3)
        red, green, blue = np.clip(colour, 0, 255).tolist()
        return red, green, blue

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """Fill the ellipse in the rectangle."""
        self._draw.ellipse(self._rectangle(x0, y0, x1, y1), fill)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """Draw a circle's outline; radius and width are fractions of the box's height."""
        (cx, cy), radius = self._point(x, y), radius * self._box[3]
        square = (cx - radius, cy - radius, cx + radius, cy + radius)
        self._draw.ellipse(square, outline=colour, width=max(1, round(width * self._box[3])))

    def block(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, rounded: float = 0.0) -> None:
        """Fill a rectangle; `rounded` is the corners' radius as a fraction of the box's height."""
        self._draw.rounded_rectangle(self._rectangle(x0, y0, x1, y1), rounded * self._box[3], fill)

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon([self._point(x, y) for x, y in points], fill)

    def line(self, points: Sequence[tuple[float, float]], width: float, fill: Colour) -> None:
        """Draw a line with round joints; the width is a fraction of the box's height."""
        pixels = [self._point(x, y) for x, y in points]
        self._draw.line(pixels, fill, max(1, round(width * self._box[3])), joint="curve")

    def _point(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self._box
        return left + width * (1 - x if self._mirrored else x), top + height * y

    def _rectangle(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        (ax, ay), (bx, by) = self._point(x0, y0), self._point(x1, y1)
        return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
