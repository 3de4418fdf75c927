"""Views of an image for test-time augmentation: a crop, mirrored or not."""

from typing import NamedTuple

import tensorflow as tf

CROP = 0.875
"""Fraction of each side that a crop keeps: 224 of 256 pixels, as is usual for ImageNet."""


class View(NamedTuple):
    """A view of an image.

    Attributes:
        top: vertical position of the crop, from 0, at the top, to 1, at the bottom.
        left: horizontal position of the crop, from 0, at the left, to 1, at the right.
        kept: fraction of each side that the crop keeps; 1 is the whole image.
        mirrored: whether left and right are exchanged.
    """

    top: float = 0.0
    left: float = 0.0
    kept: float = 1.0
    mirrored: bool = False


WHOLE = View()
_CROPS = [View(top, left, CROP) for top, left in ((0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5))]

VIEWS: dict[str, list[View]] = {
    "none": [WHOLE],
    "flip": [WHOLE, WHOLE._replace(mirrored=True)],
    "crops": [view._replace(mirrored=mirrored) for view in [WHOLE, *_CROPS] for mirrored in (False, True)],
}
"""By the value of `tta`: the image; also its mirror image; image, corners and centre, each also mirrored."""


def apply_view(image: tf.Tensor, view: View) -> tf.Tensor:
    """Return a view of a decoded image, (height, width, 3) → (height', width', 3), dtype unchanged.

    Example:
        apply_view(image, View(top=0, left=1, kept=0.875, mirrored=True))  # the upper right, mirrored
    """
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    kept = tf.maximum(tf.round(shape * view.kept), 1.0)
    begin = tf.cast(tf.floor((shape - kept) * tf.constant([view.top, view.left], tf.float32)), tf.int32)
    kept = tf.cast(kept, tf.int32)
    crop = tf.slice(image, tf.concat([begin, [0]], 0), tf.concat([kept, [3]], 0))
    return crop[:, ::-1] if view.mirrored else crop
