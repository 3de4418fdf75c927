"""Random variation of training images, the same for the same (seed, epoch, row) in any order."""

import tensorflow as tf

from kmlc.config import ImagesConfig


def crop(image: tf.Tensor, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    """Cut out a random part of a decoded image, each side at least `config.crop` of what it was.

    Args:
        image: tensor of shape (height, width, 3).
        config: how much to vary.
        key: int32 tensor of shape (2,), the stateless seed.

    Returns:
        tensor of shape (height', width', 3), of the image's dtype.
    """
    draw = tf.random.stateless_uniform((4,), fold_in(key, 0))
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    kept = tf.maximum(tf.floor(shape * (config.crop + (1 - config.crop) * draw[:2])), 1.0)
    start = tf.floor((shape - kept + 1) * draw[2:])
    # A draw just below 1 can round up to one pixel too far.
    start = tf.minimum(start, shape - kept)
    begin = tf.concat([tf.cast(start, tf.int32), [0]], axis=0)
    return tf.slice(image, begin, tf.concat([tf.cast(kept, tf.int32), [3]], axis=0))


def flip(image: tf.Tensor, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    """Mirror an image at random, in the directions that `config` allows; shape and dtype stay."""
    if config.horizontal_flip:
        image = tf.image.stateless_random_flip_left_right(image, fold_in(key, 1))
    if config.vertical_flip:
        image = tf.image.stateless_random_flip_up_down(image, fold_in(key, 2))
    return image


def fold_in(key: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Derive an independent stateless seed from `key` and a number."""
    # The result depends on the number's type, too.
    return tf.random.experimental.stateless_fold_in(key, tf.cast(number, tf.int64))
