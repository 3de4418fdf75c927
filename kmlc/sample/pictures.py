"""Pictures of the sample: simple drawings of the labels on varied backgrounds."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from kmlc.sample.scenes import Row

Colour = tuple[int, int, int]

_SCALE = 2
"""Drawn at twice the size, then reduced: smooth edges."""

_PAINTS: tuple[Colour, ...] = (
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
_FURS: tuple[Colour, ...] = (
    (92, 62, 42),
    (148, 104, 66),
    (48, 44, 44),
    (206, 186, 156),
    (130, 126, 124),
    (226, 220, 212),
)
_SKINS: tuple[Colour, ...] = ((241, 205, 174), (214, 164, 124), (150, 102, 70), (98, 66, 48))
_DARK: Colour = (36, 38, 42)
_GLASS: Colour = (168, 204, 224)


class Pen:
    """Draws into a box of a picture in coordinates from 0 to 1, mirrored or not.

    Args:
        draw: the picture.
        box: left, top, width and height in pixels.
        mirrored: whether left and right change places.
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

    def paint(self, choices: Sequence[Colour] = _PAINTS) -> Colour:
        """Return a colour of the choices, a little varied."""
        colour = np.array(choices[int(self.rng.integers(len(choices)))]) + self.rng.integers(-14, 15, 3)
        red, green, blue = np.clip(colour, 0, 255).tolist()
        return red, green, blue

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        """Fill the ellipse in the rectangle."""
        self._draw.ellipse(self._rectangle(x0, y0, x1, y1), fill)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """Draw a circle's outline; radius and width are parts of the box's height."""
        (cx, cy), radius = self._point(x, y), radius * self._box[3]
        square = (cx - radius, cy - radius, cx + radius, cy + radius)
        self._draw.ellipse(square, outline=colour, width=max(1, round(width * self._box[3])))

    def block(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, rounded: float = 0.0) -> None:
        """Fill a rectangle; `rounded` is the corners' radius as a part of the box's height."""
        self._draw.rounded_rectangle(self._rectangle(x0, y0, x1, y1), rounded * self._box[3], fill)

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon([self._point(x, y) for x, y in points], fill)

    def line(self, points: Sequence[tuple[float, float]], width: float, fill: Colour) -> None:
        """Draw a line with round joints; the width is a part of the box's height."""
        pixels = [self._point(x, y) for x, y in points]
        self._draw.line(pixels, fill, max(1, round(width * self._box[3])), joint="curve")

    def _point(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self._box
        return left + width * (1 - x if self._mirrored else x), top + height * y

    def _rectangle(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        (ax, ay), (bx, by) = self._point(x0, y0), self._point(x1, y1)
        return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def _wheels(pen: Pen, *places: float, size: float = 0.17) -> None:
    for x in places:
        pen.ring(x, 1 - size, size, size, _DARK)
        pen.ring(x, 1 - size, size * 0.45, size * 0.45, (186, 188, 192))


def _windows(pen: Pen, left: float, right: float, top: float, bottom: float, number: int) -> None:
    step = (right - left) / number
    for place in range(number):
        pen.block(left + step * (place + 0.1), top, left + step * (place + 0.9), bottom, _GLASS, 0.03)


def _person(pen: Pen) -> None:
    skin, shirt, trousers = pen.paint(_SKINS), pen.paint(), pen.paint()
    pen.line([(0.42, 0.55), (0.34, 0.97)], 0.085, trousers)
    pen.line([(0.58, 0.55), (0.66, 0.97)], 0.085, trousers)
    pen.line([(0.3, 0.26), (0.1, 0.55)], 0.06, skin)
    pen.line([(0.7, 0.26), (0.9, 0.52)], 0.06, skin)
    pen.block(0.24, 0.2, 0.76, 0.6, shirt, 0.06)
    pen.oval(0.3, 0.0, 0.7, 0.2, skin)
    pen.oval(0.28, -0.02, 0.72, 0.1, pen.paint(_FURS))


def _bicycle(pen: Pen) -> None:
    frame = pen.paint()
    for x in (0.22, 0.78):
        pen.ring(x, 0.68, 0.31, 0.045, _DARK)
    pen.line([(0.22, 0.68), (0.4, 0.28), (0.7, 0.28), (0.48, 0.68), (0.22, 0.68)], 0.05, frame)
    pen.line([(0.48, 0.68), (0.38, 0.2)], 0.05, frame)
    pen.line([(0.78, 0.68), (0.68, 0.12), (0.58, 0.1)], 0.05, frame)
    pen.line([(0.31, 0.18), (0.45, 0.18)], 0.07, _DARK)


def _car(pen: Pen) -> None:
    body = pen.paint()
    pen.shape([(0.2, 0.45), (0.34, 0.12), (0.68, 0.12), (0.84, 0.45)], body)
    pen.shape([(0.27, 0.44), (0.37, 0.2), (0.5, 0.2), (0.5, 0.44)], _GLASS)
    pen.shape([(0.54, 0.44), (0.54, 0.2), (0.65, 0.2), (0.76, 0.44)], _GLASS)
    pen.block(0.02, 0.42, 0.98, 0.84, body, 0.12)
    pen.oval(0.91, 0.5, 0.98, 0.62, (250, 236, 160))
    _wheels(pen, 0.22, 0.78, size=0.19)


def _motorcycle(pen: Pen) -> None:
    body = pen.paint()
    for x in (0.19, 0.81):
        pen.ring(x, 0.74, 0.26, 0.1, _DARK)
    pen.line([(0.81, 0.74), (0.66, 0.16), (0.56, 0.12)], 0.06, (150, 154, 160))
    pen.shape([(0.2, 0.4), (0.46, 0.44), (0.66, 0.28), (0.7, 0.5), (0.58, 0.78), (0.34, 0.78)], body)
    pen.block(0.12, 0.34, 0.48, 0.45, _DARK, 0.05)
    pen.line([(0.36, 0.82), (0.1, 0.86)], 0.07, (186, 188, 192))
    pen.oval(0.66, 0.18, 0.76, 0.34, (250, 236, 160))


def _airplane(pen: Pen) -> None:
    hull, trim = pen.paint(((236, 238, 240), (214, 220, 228), (246, 244, 236))), pen.paint()
    pen.shape([(0.02, 0.02), (0.13, 0.02), (0.26, 0.44), (0.08, 0.48)], trim)
    pen.block(0.04, 0.38, 0.9, 0.66, hull, 0.14)
    pen.oval(0.76, 0.38, 0.99, 0.66, hull)
    _windows(pen, 0.24, 0.82, 0.45, 0.52, 8)
    pen.shape([(0.44, 0.56), (0.6, 0.56), (0.34, 0.98), (0.24, 0.98)], (150, 158, 168))
    pen.shape([(0.5, 0.4), (0.6, 0.4), (0.46, 0.12), (0.4, 0.12)], (176, 184, 192))


def _bus(pen: Pen) -> None:
    body = pen.paint()
    pen.block(0.02, 0.04, 0.98, 0.88, body, 0.06)
    _windows(pen, 0.05, 0.8, 0.16, 0.46, 5)
    pen.block(0.83, 0.16, 0.96, 0.8, _GLASS, 0.02)
    pen.block(0.02, 0.56, 0.8, 0.62, (240, 240, 236))
    _wheels(pen, 0.22, 0.7, size=0.14)


def _train(pen: Pen) -> None:
    body, trim = pen.paint(), pen.paint()
    pen.shape([(0.0, 0.2), (0.84, 0.2), (1.0, 0.62), (1.0, 0.82), (0.0, 0.82)], body)
    pen.block(0.0, 0.58, 0.97, 0.68, trim)
    _windows(pen, 0.02, 0.78, 0.28, 0.5, 7)
    for x in (0.26, 0.52):
        pen.line([(x, 0.2), (x, 0.82)], 0.02, _DARK)
    _wheels(pen, 0.08, 0.2, 0.34, 0.46, 0.62, 0.74, 0.88, size=0.09)
    pen.line([(0.3, 0.2), (0.36, 0.04), (0.42, 0.2)], 0.03, _DARK)
    pen.line([(-0.1, 0.98), (1.1, 0.98)], 0.04, (110, 104, 100))


def _truck(pen: Pen) -> None:
    cab, load = pen.paint(), pen.paint()
    pen.block(0.02, 0.02, 0.64, 0.78, load, 0.02)
    pen.shape([(0.67, 0.78), (0.67, 0.22), (0.84, 0.22), (0.98, 0.5), (0.98, 0.78)], cab)
    pen.shape([(0.74, 0.48), (0.74, 0.3), (0.83, 0.3), (0.92, 0.48)], _GLASS)
    pen.block(0.02, 0.74, 0.98, 0.84, _DARK)
    _wheels(pen, 0.14, 0.32, 0.82, size=0.15)


def _boat(pen: Pen) -> None:
    hull = pen.paint()
    pen.line([(0.5, 0.0), (0.5, 0.76)], 0.03, (96, 72, 52))
    pen.shape(
        [(0.53, 0.02), (0.53, 0.64), (0.94, 0.64)],
        pen.paint(((244, 242, 234), (236, 220, 196), (226, 120, 90))),
    )
    pen.shape([(0.47, 0.1), (0.47, 0.64), (0.16, 0.64)], (240, 240, 236))
    pen.shape([(0.02, 0.7), (0.98, 0.7), (0.82, 1.0), (0.18, 1.0)], hull)
    pen.line([(0.06, 0.77), (0.94, 0.77)], 0.04, (244, 242, 236))


def _traffic_light(pen: Pen) -> None:
    pen.block(0.44, 0.5, 0.56, 1.0, (94, 98, 104))
    pen.block(0.16, 0.0, 0.84, 0.62, _DARK, 0.05)
    lit = int(pen.rng.integers(3))
    for place, colour in enumerate(((232, 48, 40), (246, 192, 40), (48, 196, 92))):
        dim = (colour[0] // 3, colour[1] // 3, colour[2] // 3)
        pen.oval(0.3, 0.04 + 0.19 * place, 0.7, 0.2 + 0.19 * place, colour if place == lit else dim)


def _fire_hydrant(pen: Pen) -> None:
    body = pen.paint(((204, 44, 36), (232, 180, 40), (220, 60, 44)))
    dark = (body[0] * 3 // 4, body[1] * 3 // 4, body[2] * 3 // 4)
    pen.block(0.28, 0.2, 0.72, 0.94, body, 0.03)
    pen.oval(0.24, 0.02, 0.76, 0.34, body)
    pen.block(0.18, 0.2, 0.82, 0.28, dark, 0.02)
    pen.block(0.04, 0.42, 0.96, 0.58, dark, 0.05)
    pen.oval(0.36, 0.4, 0.64, 0.6, (226, 222, 214))
    pen.block(0.14, 0.9, 0.86, 1.0, dark, 0.02)


def _stop_sign(pen: Pen) -> None:
    pen.block(0.46, 0.4, 0.54, 1.0, (150, 154, 160))
    for size, colour in ((0.5, (244, 244, 240)), (0.44, (200, 30, 36))):
        corner = size * 0.414
        # The box is half as wide as high, so a vertical part counts half.
        points = [(size, corner), (corner, size), (-corner, size), (-size, corner)]
        points += [(-x, -y) for x, y in points]
        pen.shape([(0.5 + x, 0.25 + y / 2) for x, y in points], colour)
    for place in range(4):
        pen.block(0.2 + 0.16 * place, 0.21, 0.3 + 0.16 * place, 0.3, (244, 244, 240))


def _parking_meter(pen: Pen) -> None:
    head = pen.paint(((120, 128, 136), (84, 92, 100), (150, 156, 162)))
    pen.block(0.42, 0.4, 0.58, 1.0, (94, 98, 104))
    pen.block(0.14, 0.12, 0.86, 0.46, head, 0.05)
    pen.oval(0.14, 0.0, 0.86, 0.28, head)
    pen.oval(0.28, 0.06, 0.72, 0.22, (214, 232, 220))
    pen.line([(0.5, 0.18), (0.62, 0.1)], 0.015, (190, 40, 36))
    pen.block(0.4, 0.32, 0.6, 0.36, _DARK)


def _bench(pen: Pen) -> None:
    wood = pen.paint(((150, 98, 56), (120, 76, 44), (176, 128, 84)))
    for x in (0.12, 0.88):
        pen.line([(x, 0.05), (x, 1.0)], 0.08, _DARK)
        pen.line([(x - 0.06, 1.0), (x - 0.06, 0.62)], 0.06, _DARK)
    for y in (0.06, 0.22, 0.38):
        pen.block(0.02, y, 0.98, y + 0.11, wood)
    pen.block(0.0, 0.58, 1.0, 0.72, wood)


def _bird(pen: Pen) -> None:
    body = pen.paint(((90, 120, 170), (210, 90, 70), (236, 234, 226), (70, 72, 80), (228, 186, 70)))
    wing = (body[0] * 3 // 4, body[1] * 3 // 4, body[2] * 3 // 4)
    pen.shape([(0.3, 0.5), (0.0, 0.36), (0.02, 0.6)], wing)
    pen.oval(0.2, 0.36, 0.78, 0.84, body)
    pen.oval(0.62, 0.18, 0.88, 0.52, body)
    pen.shape([(0.86, 0.3), (1.0, 0.36), (0.86, 0.42)], (240, 160, 40))
    pen.shape([(0.36, 0.56), (0.62, 0.46), (0.3, 0.02)], wing)
    pen.oval(0.75, 0.28, 0.8, 0.34, _DARK)
    for x in (0.46, 0.54):
        pen.line([(x, 0.82), (x, 1.0)], 0.03, (240, 160, 40))


def _cat(pen: Pen) -> None:
    fur = pen.paint(_FURS)
    pen.line([(0.74, 0.9), (0.96, 0.74), (0.9, 0.48)], 0.08, fur)
    pen.oval(0.22, 0.42, 0.8, 1.0, fur)
    pen.shape([(0.2, 0.24), (0.22, 0.0), (0.42, 0.14)], fur)
    pen.shape([(0.8, 0.24), (0.78, 0.0), (0.58, 0.14)], fur)
    pen.oval(0.18, 0.1, 0.82, 0.56, fur)
    for x in (0.36, 0.64):
        pen.oval(x - 0.07, 0.26, x + 0.07, 0.38, (190, 214, 90))
        pen.oval(x - 0.02, 0.26, x + 0.02, 0.38, _DARK)
    pen.shape([(0.46, 0.42), (0.54, 0.42), (0.5, 0.47)], (226, 130, 130))


def _four_legs(pen: Pen, fur: Colour, top: float, places: Sequence[float], width: float) -> None:
    for x in places:
        pen.line([(x, top), (x, 0.99)], width, fur)


def _dog(pen: Pen) -> None:
    fur = pen.paint(_FURS)
    ear = (fur[0] * 2 // 3, fur[1] * 2 // 3, fur[2] * 2 // 3)
    pen.line([(0.14, 0.48), (0.0, 0.2)], 0.08, fur)
    _four_legs(pen, fur, 0.6, (0.16, 0.28, 0.54, 0.66), 0.11)
    pen.block(0.08, 0.4, 0.7, 0.74, fur, 0.14)
    pen.shape([(0.54, 0.6), (0.62, 0.2), (0.8, 0.3), (0.72, 0.66)], fur)
    pen.oval(0.6, 0.08, 0.88, 0.46, fur)
    pen.block(0.74, 0.24, 0.99, 0.42, fur, 0.07)
    pen.oval(0.6, 0.1, 0.72, 0.5, ear)
    pen.oval(0.93, 0.22, 1.0, 0.32, _DARK)
    pen.oval(0.77, 0.18, 0.82, 0.25, _DARK)


def _horse(pen: Pen) -> None:
    fur, mane = pen.paint(_FURS[:5]), pen.paint(_FURS[2:3])
    pen.line([(0.1, 0.38), (0.02, 0.5), (0.04, 0.78)], 0.07, mane)
    _four_legs(pen, fur, 0.5, (0.16, 0.26, 0.58, 0.68), 0.06)
    pen.oval(0.08, 0.3, 0.74, 0.66, fur)
    pen.shape([(0.54, 0.42), (0.72, 0.02), (0.86, 0.1), (0.74, 0.52)], fur)
    pen.shape([(0.72, 0.02), (0.86, 0.06), (1.0, 0.3), (0.93, 0.37), (0.76, 0.22)], fur)
    pen.line([(0.73, 0.03), (0.62, 0.2), (0.54, 0.36)], 0.06, mane)
    pen.shape([(0.74, 0.04), (0.77, -0.06), (0.8, 0.05)], fur)
    pen.oval(0.84, 0.11, 0.87, 0.15, _DARK)


_DRAWINGS: dict[int, tuple[float, float, Callable[[Pen], None]]] = {
    1: (0.42, 0.62, _person),
    2: (1.5, 0.42, _bicycle),
    3: (2.1, 0.34, _car),
    4: (1.6, 0.42, _motorcycle),
    5: (2.1, 0.40, _airplane),
    6: (1.9, 0.46, _bus),
    7: (2.6, 0.42, _train),
    8: (1.9, 0.46, _truck),
    9: (1.1, 0.58, _boat),
    10: (0.36, 0.62, _traffic_light),
    11: (0.62, 0.46, _fire_hydrant),
    13: (0.5, 0.62, _stop_sign),
    14: (0.34, 0.58, _parking_meter),
    15: (1.7, 0.36, _bench),
    16: (1.2, 0.34, _bird),
    17: (0.85, 0.44, _cat),
    18: (1.3, 0.42, _dog),
    19: (1.25, 0.56, _horse),
}
"""By label: width over height, usual part of the picture's height, and how it is drawn."""

_IN_THE_AIR = (5, 16)


def draw_picture(row: Row, rng: np.random.Generator) -> Image.Image:
    """Draw a row's labels on a background of its scene.

    Returns:
        An RGB image, 150 to 320 pixels on each side.
    """
    width, height = (int(side) for side in rng.integers(200, 321, 2))
    if rng.random() < 0.3:
        height = int(rng.integers(150, 200))
    image = _background(row.scene, width * _SCALE, height * _SCALE, rng)
    draw = ImageDraw.Draw(image)
    slots = rng.permutation(len(row.drawn))
    for slot, label in zip(slots, row.drawn, strict=True):
        _DRAWINGS[label][2](
            Pen(draw, _place(label, slot, len(row.drawn), image, rng), rng.random() < 0.5, rng)
        )
        if rng.random() < 0.15:
            _obstacle(draw, image, rng)
    return _photographed(image.resize((width, height), Image.Resampling.BOX), rng)


def _place(
    label: int, slot: int, slots: int, image: Image.Image, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return the box of a drawing: beside the others, partly over them, sometimes over the edge."""
    ratio, part, _ = _DRAWINGS[label]
    height = image.height * part * rng.uniform(1.0, 1.5)
    # No wider than its share, and then some: neighbours overlap.
    height = min(height, image.width * min(0.98, 1.8 / slots) / ratio)
    width = height * ratio
    centre = image.width * (slot + 0.5 + rng.uniform(-0.25, 0.25)) / slots
    bottom = image.height * (rng.uniform(0.5, 0.75) if label in _IN_THE_AIR else rng.uniform(0.84, 1.02))
    return centre - width / 2, bottom - height, width, height


def _background(scene: str, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Paint what is behind: two gradients, and shapes that are no label."""
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


def _obstacle(draw: ImageDraw.ImageDraw, image: Image.Image, rng: np.random.Generator) -> None:
    """Draw a bush or a post that hides a part of what is behind it."""
    x, size = rng.uniform(0, image.width), image.height * rng.uniform(0.1, 0.2)
    if rng.random() < 0.5:
        draw.ellipse((x - size, image.height - size, x + size, image.height + size), (58, 104, 60))
    else:
        draw.rectangle(
            (x, image.height * rng.uniform(0.2, 0.5), x + size * 0.22, image.height), (124, 110, 96)
        )


def _photographed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Vary light and contrast, blur some pictures, add a sensor's noise."""
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.2)))
    pixels = np.asarray(image, np.float32)
    pixels = (pixels - 128) * rng.uniform(0.8, 1.1) + 128 + rng.uniform(-22, 22)
    pixels += rng.normal(0, rng.uniform(2, 6), pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _choose(colours: Sequence[Colour], rng: np.random.Generator) -> np.ndarray:
    return np.array(colours[int(rng.integers(len(colours)))])
