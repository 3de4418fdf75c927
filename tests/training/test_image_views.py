"""What training says of `cache.views`; whole runs are in test_frozen.py."""

import keras
import pytest

from kmlc.models.boundary import FrozenPart
from kmlc.settings import config_from_flags
from kmlc.training.image_views import note_on_views


def part(modality: str) -> FrozenPart:
    values = keras.Input((2,))
    return FrozenPart(modality, 0, keras.Model(values, values), values)


@pytest.mark.parametrize(
    ("flags", "modalities", "line"),
    [
        (["--cache.views=2"], ["caption"], "cache.views 2 has no effect: no image layers are frozen"),
        (
            ["--cache.views=1", "--images.crop=1"],
            [],
            "cache.views 1 has no effect: no image layers are frozen",
        ),
        (
            ["--cache.views=2", "--images.crop=1", "--images.horizontal_flip=false"],
            ["image"],
            "cache.views 2 has no effect: without augmentation all views of an image are the same",
        ),
        (["--cache.views=2", "--images.crop=0.5"], ["image", "caption"], None),
        (["--images.crop=0.5"], ["caption"], None),
    ],
)
def test_views_without_effect_are_named(flags: list[str], modalities: list[str], line: str | None) -> None:
    """They were ignored silently."""
    assert note_on_views(config_from_flags(flags), [part(each) for each in modalities]) == line
