"""The content of a row of the sample: its scene, its labels, which of them are named and which are drawn."""

from dataclasses import dataclass

import numpy as np

NAMES = {
    1: "person",
    2: "bicycle",
    3: "car",
    4: "motorcycle",
    5: "airplane",
    6: "bus",
    7: "train",
    8: "truck",
    9: "boat",
    10: "traffic light",
    11: "fire hydrant",
    13: "stop sign",
    14: "parking meter",
    15: "bench",
    16: "bird",
    17: "cat",
    18: "dog",
    19: "horse",
}
"""MS-COCO's name of each label of the competition."""

_SCENES: dict[str, tuple[float, dict[int, float]]] = {
    "people": (0.36, {1: 1.0, 2: 0.06, 15: 0.06, 16: 0.03, 18: 0.06}),
    "street": (
        0.20,
        {
            1: 0.55,
            2: 0.14,
            3: 0.75,
            4: 0.16,
            6: 0.22,
            8: 0.26,
            10: 0.30,
            11: 0.05,
            13: 0.09,
            14: 0.03,
            15: 0.05,
        },
    ),
    "park": (0.10, {1: 0.6, 2: 0.18, 15: 0.35, 16: 0.28, 18: 0.3, 19: 0.06}),
    "home": (0.08, {1: 0.4, 17: 0.6, 18: 0.35}),
    "water": (0.07, {1: 0.5, 9: 0.92, 16: 0.25}),
    "rails": (0.06, {1: 0.4, 3: 0.1, 7: 1.0, 10: 0.08}),
    "airfield": (0.05, {1: 0.25, 3: 0.08, 5: 1.0, 8: 0.15}),
    "farm": (0.05, {1: 0.65, 18: 0.15, 19: 0.9}),
    "corner": (0.03, {1: 0.3, 3: 0.35, 11: 0.6, 13: 0.35, 14: 0.25}),
}
"""The probability of each scene, and of each label in it."""

_MOST_LABELS = 4
_NAMED = 0.35
_DRAWN_IF_NAMED = 0.5


@dataclass(frozen=True)
class Row:
    """The content of a row.

    Attributes:
        scene: name of the scene.
        labels: its labels, ascending.
        named: those that the caption names.
        drawn: those that the image shows; every label is named, drawn, or both.
    """

    scene: str
    labels: tuple[int, ...]
    named: tuple[int, ...]
    drawn: tuple[int, ...]


def compose(rng: np.random.Generator) -> Row:
    """Return a random row."""
    weights = np.array([weight for weight, _ in _SCENES.values()])
    scene = list(_SCENES)[rng.choice(len(weights), p=weights / weights.sum())]
    chances = _SCENES[scene][1]
    labels = [label for label, chance in chances.items() if rng.random() < chance]
    if not labels:
        labels = [max(chances, key=lambda label: chances[label])]
    labels = sorted(rng.permutation(labels)[:_MOST_LABELS].tolist())
    named = [label for label in labels if rng.random() < _NAMED]
    drawn = [label for label in labels if label not in named or rng.random() < _DRAWN_IF_NAMED]
    return Row(scene, tuple(labels), tuple(named), tuple(drawn))


def scenes_with(label: int) -> list[str]:
    """Return the names of the scenes in which a label may occur."""
    return [scene for scene, (_, chances) in _SCENES.items() if label in chances]
