"""How each label of the sample is drawn."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from kmlc.sample.pen import Colour, Pen

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
        # The box is half as wide as high, so a vertical distance counts half.
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


class Drawing(NamedTuple):
    """How a label is drawn, and how large.

    Attributes:
        ratio: its width over its height.
        height: its usual height, as a fraction of the image's.
        draw: draws it with a pen.
    """

    ratio: float
    height: float
    draw: Callable[[Pen], None]


DRAWINGS: dict[int, Drawing] = {
    1: Drawing(0.42, 0.62, _person),
    2: Drawing(1.5, 0.42, _bicycle),
    3: Drawing(2.1, 0.34, _car),
    4: Drawing(1.6, 0.42, _motorcycle),
    5: Drawing(2.1, 0.40, _airplane),
    6: Drawing(1.9, 0.46, _bus),
    7: Drawing(2.6, 0.42, _train),
    8: Drawing(1.9, 0.46, _truck),
    9: Drawing(1.1, 0.58, _boat),
    10: Drawing(0.36, 0.62, _traffic_light),
    11: Drawing(0.62, 0.46, _fire_hydrant),
    13: Drawing(0.5, 0.62, _stop_sign),
    14: Drawing(0.34, 0.58, _parking_meter),
    15: Drawing(1.7, 0.36, _bench),
    16: Drawing(1.2, 0.34, _bird),
    17: Drawing(0.85, 0.44, _cat),
    18: Drawing(1.3, 0.42, _dog),
    19: Drawing(1.25, 0.56, _horse),
}
"""The drawing of each label."""

IN_THE_AIR = (5, 16)
"""Labels that are drawn above the ground."""
