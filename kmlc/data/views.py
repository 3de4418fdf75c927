"""Views of an image for test-time augmentation: what part of it, and whether mirrored."""

from typing import NamedTuple

import tensorflow as tf

CROP = 0.875
"""Part of each side that a crop keeps; 224 of 256 pixels, as is usual for ImageNet."""


class View(NamedTuple):
    """A view of an image.

    Attributes:
        top: where the part begins, as a part of what may be left out above and below; 0 to 1.
        left: likewise from the left.
        kept: part of each side that is kept; 1 is the whole image.
        mirrored: whether left and right are exchanged.
    """

    top: float = 0.0
    left: float = 0.0
    kept: float = 1.0
    mirrored: bool = False


WHOLE = View()
_CROPS = [View(top, left, CROP) for top, left in ((0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5))]

VIEWS: dict[str, list[View]] = {
    "one": [WHOLE],
    "flip": [WHOLE, WHOLE._replace(mirrored=True)],
    "crops": [view._replace(mirrored=mirrored) for view in [WHOLE, *_CROPS] for mirrored in (False, True)],
}
"""By name: the image as it is; that and its mirror image; both of the whole, four corners and the centre."""


def look(image: tf.Tensor, view: View) -> tf.Tensor:
    """Return a view of a decoded image, (height, width, 3) → (height', width', 3), dtype unchanged.

    Example:
        look(image, View(top=0, left=1, kept=0.875, mirrored=True))  # the upper right, mirrored
    """
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    kept = tf.maximum(tf.round(shape * view.kept), 1.0)
    begin = tf.cast(tf.floor((shape - kept) * tf.constant([view.top, view.left], tf.float32)), tf.int32)
    kept = tf.cast(kept, tf.int32)
    part = tf.slice(image, tf.concat([begin, [0]], 0), tf.concat([kept, [3]], 0))
    return part[:, ::-1] if view.mirrored else part
