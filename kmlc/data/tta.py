"""Views of an image for test-time augmentation: a crop, mirrored or not."""

from typing import NamedTuple

CROP = 0.875
"""Fraction of each side that a crop keeps: 224 of 256 pixels, as is usual for ImageNet."""


class View(NamedTuple):
    """A view of an image.

    Attributes:
        top: vertical position of the crop, from 0, at the top, to 1, at the bottom.
        left: horizontal position of the crop, from 0, at the left, to 1, at the right.
        kept: fraction of each side that the crop keeps; 1 is the whole image.
        mirrored: whether left and right are exchanged.
        upside_down: whether top and bottom are exchanged.
    """

    top: float = 0.0
    left: float = 0.0
    kept: float = 1.0
    mirrored: bool = False
    upside_down: bool = False

    def window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return top, left, height and width of the crop, given the height and the width of an image."""
        kept_height, kept_width = (max(round(side * self.kept), 1) for side in (height, width))
        return (
            int((height - kept_height) * self.top),
            int((width - kept_width) * self.left),
            kept_height,
            kept_width,
        )


WHOLE = View()
_CROPS = [View(top, left, CROP) for top, left in ((0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5))]

VIEWS: dict[str, list[View]] = {
    "none": [WHOLE],
    "flip": [WHOLE, WHOLE._replace(mirrored=True)],
    "crops": [view._replace(mirrored=mirrored) for view in [WHOLE, *_CROPS] for mirrored in (False, True)],
}
"""By the value of `tta`: the image; also its mirror image; image, corners and centre, each also mirrored."""
