"""Captions of the sample: plain random sentences that name exactly the labels they should."""

import numpy as np

from kmlc.sample.scenes import Row

NOUNS: dict[int, tuple[str, ...]] = {
    1: ("a man", "a woman", "a boy", "a girl", "a child", "a person", "two people", "a young couple"),
    2: ("a bike", "a bicycle", "an old bicycle", "two bikes"),
    3: ("a car", "a parked car", "a sedan", "several cars", "a small car"),
    4: ("a motorcycle", "a motorbike", "a scooter"),
    5: ("an airplane", "a plane", "a jet", "a small aircraft"),
    6: ("a bus", "a city bus", "a double decker bus"),
    7: ("a train", "a passenger train", "a locomotive", "a long train"),
    8: ("a truck", "a delivery truck", "a pickup", "a large truck"),
    9: ("a boat", "a sailboat", "two boats", "a small boat"),
    10: ("a traffic light", "traffic lights", "a stoplight"),
    11: ("a fire hydrant", "a hydrant"),
    13: ("a stop sign",),
    14: ("a parking meter", "two parking meters"),
    15: ("a bench", "a wooden bench", "a park bench"),
    16: ("a bird", "a small bird", "a pigeon", "some birds"),
    17: ("a cat", "a kitten", "a sleepy cat"),
    18: ("a dog", "a puppy", "a brown dog", "a large dog"),
    19: ("a horse", "a brown horse", "two horses"),
}
"""How captions name each label."""

_PLACES = {
    "people": (
        "in front of a brick wall",
        "in the sun",
        "under an umbrella",
        "near a fence",
        "at a market",
        "outside",
    ),
    "street": (
        "on a city street",
        "in front of tall buildings",
        "on a rainy day",
        "at a busy crossing",
        "downtown",
    ),
    "park": ("in a park", "under a large tree", "on the grass", "by a garden path", "on a sunny afternoon"),
    "home": ("in a living room", "next to a sofa", "by the window", "on a carpet", "in a kitchen"),
    "water": ("on a calm lake", "near the shore", "in the harbor", "by the sea", "at sunset"),
    "rails": ("at a station", "by the platform", "in the countryside", "near a bridge", "on the tracks"),
    "airfield": ("at an airport", "on a runway", "under a blue sky", "beside a hangar"),
    "farm": ("in a field", "by a wooden fence", "on a farm", "near a barn", "in a green meadow"),
    "corner": ("on the sidewalk", "at a corner", "in front of a shop", "on a quiet street"),
}
_SCENERY = {
    "people": ("A sunny day outside.", "An old brick wall with plants.", "A market with colorful umbrellas."),
    "street": (
        "A city street with tall buildings.",
        "A wide road on a cloudy day.",
        "Downtown in the evening.",
    ),
    "park": ("A park with large trees.", "A green lawn on a sunny afternoon.", "A path through a garden."),
    "home": ("A living room with a sofa.", "A bright kitchen.", "A carpet in front of a window."),
    "water": ("A calm lake at sunset.", "The sea under a cloudy sky.", "A quiet harbor."),
    "rails": (
        "Tracks that run through the countryside.",
        "A platform at a station.",
        "A bridge and some trees.",
    ),
    "airfield": ("A runway under a blue sky.", "An airport on a foggy day.", "A hangar beside a field."),
    "farm": ("A green meadow with a fence.", "A field near a barn.", "A farm on a cloudy day."),
    "corner": ("A quiet sidewalk.", "A corner with a small shop.", "A street in the morning."),
}
_OPENINGS = ("", "", "", "there is ", "a picture of ", "a view of ", "a close up of ", "looking at ")
_JOINS = ("next to", "beside", "near", "and", "with", "in front of", "behind")
_ACTIONS: dict[int, tuple[str, ...]] = {
    2: ("riding", "pushing", "standing beside"),
    3: ("standing by", "walking past", "getting into"),
    4: ("riding", "sitting on"),
    6: ("waiting for", "getting off"),
    7: ("waiting for", "watching"),
    9: ("looking at", "sitting in"),
    15: ("sitting on", "resting on"),
    16: ("feeding", "looking at"),
    17: ("holding", "petting"),
    18: ("walking", "playing with", "holding"),
    19: ("riding", "leading"),
}
"""What a person does with each label."""

_EMPTY = 0.01


def write_caption(row: Row, rng: np.random.Generator) -> str:
    """Write the caption of a row; one in a hundred is empty."""
    if rng.random() < _EMPTY:
        return ""
    if not row.named:
        return _pick(_SCENERY[row.scene], rng)
    order = rng.permutation(row.named).tolist()
    if 1 in order and rng.random() < 0.7:
        order = [1, *(label for label in order if label != 1)]
    phrase = _phrase(order, rng)
    if rng.random() < 0.8:
        phrase = f"{phrase} {_pick(_PLACES[row.scene], rng)}"
    sentence = _pick(_OPENINGS, rng) + phrase
    return sentence[0].upper() + sentence[1:] + ("." if rng.random() < 0.8 else "")


def _phrase(order: list[int], rng: np.random.Generator) -> str:
    """Join the nouns of the labels: the first two by an action or a preposition, the others as a list."""
    nouns = [_pick(NOUNS[label], rng) for label in order]
    if len(nouns) == 1:
        return nouns[0]
    acts = order[0] == 1 and order[1] in _ACTIONS and rng.random() < 0.75
    join = _pick(_ACTIONS[order[1]] if acts else _JOINS, rng)
    head = f"{nouns[0]} {join} {nouns[1]}"
    if len(nouns) == 2:
        return head
    *listed, last = nouns[2:]
    rest = f"{', '.join(listed)} and {last}" if listed else last
    return f"{head} {_pick(('with', 'near', 'by'), rng)} {rest}"


def _pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
