"""Whether training images are new in every epoch, or have a few views, which can be computed once."""

from collections.abc import Sequence

from kmlc.config import Config
from kmlc.models.boundary import FrozenPart
from kmlc.models.fusion import is_from_run


def varies(config: Config) -> bool:
    """Return whether each epoch has images of its own."""
    return config.images.augments and config.cache.views is None


def note_on_views(config: Config, parts: Sequence[FrozenPart]) -> str | None:
    """Return a line where `cache.views` has no effect, or where setting it would have one.

    Args:
        config: the settings.
        parts: the frozen parts that are computed once.
    """
    views, tower = config.cache.views, config.tower
    if views is None:
        own = tower.trainable != "all" and tower.in_inference_mode
        frozen = tower.input == "image" and (own or is_from_run("image", config.fusion))
        if not frozen or not varies(config):
            return None
        return (
            f"{tower.title}: its frozen layers are computed in every epoch, as augmentation makes new "
            "images; cache.views 4 computes four views of each image once"
        )
    if all(part.modality != "image" for part in parts):
        return f"cache.views {views} has no effect: no image layers are frozen"
    if views > config.cached_views:
        return f"cache.views {views} has no effect: without augmentation all views of an image are the same"
    return None
