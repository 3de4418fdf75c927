"""Random augmentation of training images, determined by a key.

The key is that of (seed, epoch, row), or of (image, view) with `cache.views`. Crop and flips
(`kmlc.data.crop_flip`) have fixed places in one random stream, every other transform folds a number of its
own into the key: switching one on does not change the draws of another. What is switched off costs nothing.
"""

import math
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kmlc.config import ImagesConfig
from kmlc.data.crop_flip import TRIES, RandomCropFlip, crop_flip_resize

(
    BRIGHTNESS,
    CONTRAST,
    SATURATION,
    ROTATION,
    TRANSLATION,
    ZOOM,
    ERASING,
) = range(7)
"""The numbers that are folded in; a new transform takes the next one, so existing draws stay the same."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""

ERASING_RATIO = 3.3
"""Largest width over height, and height over width, of an erased rectangle."""


def augment(pixels: tf.Tensor | np.ndarray, size: int, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    """Augment a decoded image and resize it to the input size, as training does with whole batches.

    Crop, antialiased resize, flips, colour, one geometric transform, erasing, each if it is switched on. The
    geometric transform comes after colour, so the black area outside the image is not part of its mean grey.

    Args:
        pixels: uint8 of shape (height, width, 3).
        size: height and width of the result, in pixels.
        config: the strength of each transform.
        key: int64 of shape (2,), as `row_keys` returns it.

    Returns:
        uint8 tensor of shape (size, size, 3).

    Example:
        image = augment(pixels, 224, ImagesConfig(rotation=20), row_keys(42, 0, np.array([7]))[0])
    """
    image = tf.numpy_function(
        lambda pixels, key: crop_flip_resize(pixels, RandomCropFlip(config, key), size),
        [pixels, key],
        tf.uint8,
        stateful=False,
    )
    return augment_resized(tf.ensure_shape(image, (size, size, 3)), config, key)


def augment_resized_batch(
    images: tf.Tensor, augmented: tf.Tensor, config: ImagesConfig, keys: tf.Tensor
) -> tf.Tensor:
    """Apply `augment_resized` to those images of a batch that are augmented, uint8 (batch, size, size, 3)."""
    if not _augments_resized(config):
        return images
    return tf.map_fn(
        lambda each: tf.cond(each[1], lambda: augment_resized(each[0], config, each[2]), lambda: each[0]),
        (images, augmented, keys),
        fn_output_signature=tf.TensorSpec(images.shape[1:], tf.uint8),
    )


def augment_resized(image: tf.Tensor, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    """Apply colour, the geometric transform and erasing to a square uint8 image; levels are rounded."""
    return erase(_colour_and_transform(image, config, key), config, key)


def _colour_and_transform(image: tf.Tensor, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    if not _augments_resized(replace(config, erasing=0.0)):
        return image
    return _recoloured_and_warped(
        image, colour_factors(config, key), transform_matrix(image.shape[0], config, key)
    )


@tf.function(jit_compile=True, autograph=False)
def _recoloured_and_warped(
    image: tf.Tensor, factors: dict[str, tf.Tensor], matrix: tf.Tensor | None
) -> tf.Tensor:
    image = recolour(tf.cast(image, tf.float32), factors)
    return tf.cast(tf.round(image if matrix is None else warp(image, matrix)), tf.uint8)


def _augments_resized(config: ImagesConfig) -> bool:
    colours = config.brightness or config.contrast or config.saturation
    return bool(colours or config.rotation or config.zoom or config.translation or config.erasing)


def colour_factors(config: ImagesConfig, key: tf.Tensor) -> dict[str, tf.Tensor]:
    """Draw the factors of those changes of colour that are switched on."""
    strengths = {
        "brightness": config.brightness,
        "contrast": config.contrast,
        "saturation": config.saturation,
    }
    numbers = {"brightness": BRIGHTNESS, "contrast": CONTRAST, "saturation": SATURATION}
    return {
        name: 1 + _around_zero(strength, fold_in(key, numbers[name]))
        for name, strength in strengths.items()
        if strength
    }


def recolour(image: tf.Tensor, factors: dict[str, tf.Tensor]) -> tf.Tensor:
    """Scale brightness, then contrast, then saturation of a float32 image by the given factors."""
    for name, change in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
        if name in factors:
            image = change(image, factors[name])
    return image


def brightness(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Interpolate between black (factor 0) and the image (factor 1)."""
    return _clip(image * factor)


def contrast(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Interpolate between the mean grey of the image (factor 0) and the image (factor 1)."""
    grey = tf.reduce_sum(tf.reduce_mean(image, axis=(0, 1)) * LUMA)
    return _clip(factor * image + (1 - factor) * grey)


def saturation(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Interpolate between the grey-scale image (factor 0) and the image (factor 1)."""
    # factor·image + (1-factor)·grey as one matrix product is three times as fast.
    mixing = factor * tf.eye(3) + (1 - factor) * tf.constant(LUMA)[:, None]
    return _clip(tf.tensordot(image, mixing, 1))


def transform_matrix(size: int, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor | None:
    """Draw the inverse of the geometric transform (`inverse_affine`); None if it is switched off."""
    if not (config.rotation or config.zoom or config.translation):
        return None
    return inverse_affine(
        _around_zero(math.radians(config.rotation), fold_in(key, ROTATION)),
        1 + _around_zero(config.zoom, fold_in(key, ZOOM)),
        size * _around_zero(config.translation, fold_in(key, TRANSLATION), (2,)),
        size,
    )


@tf.function(jit_compile=True, autograph=False)
def warp(image: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Transform a square float32 image with bilinear interpolation; the area outside is black.

    XLA compiles it once for each size. It does what `tf.raw_ops.ImageProjectiveTransformV3` does in a third
    of the processor time.

    Args:
        image: float32 tensor of shape (size, size, channels).
        matrix: the result of `inverse_affine`.

    Returns:
        float32 tensor of the image's shape.
    """
    size = image.shape[0]
    x, y = tf.meshgrid(tf.range(size, dtype=tf.float32), tf.range(size, dtype=tf.float32))
    x, y = matrix[0] * x + matrix[1] * y + matrix[2], matrix[3] * x + matrix[4] * y + matrix[5]
    left, top = tf.floor(x), tf.floor(y)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    # A frame of two black pixels is all that the pixels far outside meet.
    row, column = (tf.cast(tf.clip_by_value(place, -2, size), tf.int32) + 2 for place in (top, left))
    width = size + 4
    pixels = tf.reshape(tf.pad(image, [[2, 2], [2, 2], [0, 0]]), (-1, image.shape[2]))

    def between(first: tf.Tensor) -> tf.Tensor:
        return tf.gather(pixels, first) * (1 - right_share) + tf.gather(pixels, first + 1) * right_share

    upper = row * width + column
    return between(upper) * (1 - lower_share) + between(upper + width) * lower_share


def inverse_affine(
    angle: tf.Tensor | float, zoom: tf.Tensor | float, shift: tf.Tensor, size: int
) -> tf.Tensor:
    """Return the transform from the coordinates of an output pixel to those of the input.

    Args:
        angle: rotation about the centre of the image, anticlockwise, in radians.
        zoom: factor about the centre, after the rotation; above 1 enlarges.
        shift: float32 tensor of shape (2,), pixels to the right and down, after both.
        size: height and width of the image.

    Returns:
        float32 tensor of shape (8,), the `transforms` of `tf.raw_ops.ImageProjectiveTransformV3`:
        x' = t0·x + t1·y + t2 and y' = t3·x + t4·y + t5, where (0, 0) is the centre of the first pixel.
    """
    centre = (size - 1) / 2
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    x, y = centre + shift[0], centre + shift[1]
    return tf.stack([cos, -sin, centre - cos * x + sin * y, sin, cos, centre - sin * x - cos * y, 0.0, 0.0])


def erase(image: tf.Tensor, config: ImagesConfig, key: tf.Tensor) -> tf.Tensor:
    """Fill a random rectangle of an image with noise, with probability `config.erasing`.

    Zhong et al., 2020, "Random Erasing Data Augmentation". The noise is uniform from 0 to 255. The area is
    drawn uniformly from a tenth of `config.erasing_area` to `config.erasing_area`, the aspect ratio
    log-uniformly from 1/3.3 to 3.3, ten times; the first rectangle that fits is erased. If none fits, as in a
    tiny image, nothing is erased.
    """
    if not config.erasing:
        return image
    key = fold_in(key, ERASING)
    shape = _sides(image)
    areas = (config.erasing_area / 10, config.erasing_area)
    start, sides, fits = _rectangle(shape, areas, ERASING_RATIO, fold_in(key, 0))

    def erased() -> tf.Tensor:
        noise = tf.random.stateless_uniform(
            [*tf.unstack(tf.cast(sides, tf.int32)), 3], fold_in(key, 1), 0, 256, tf.int32
        )
        around = tf.cast(tf.stack([start, shape - start - sides], axis=1), tf.int32)
        # Noise is never negative; -1 marks the pixels outside the rectangle.
        noise = tf.pad(noise, tf.concat([around, [[0, 0]]], axis=0), constant_values=-1)
        return tf.where(noise < 0, image, tf.cast(noise, image.dtype))

    chosen = tf.random.stateless_uniform((), fold_in(key, 2)) < config.erasing
    return tf.cond(chosen & fits, erased, lambda: image)


def row_keys(seed: int, epoch: int, rows: np.ndarray) -> np.ndarray:
    """Return the key of each row in an epoch, int64 (rows, 2); no two rows of any epochs share one."""
    of_epoch = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64).view(np.int64)
    return np.stack([np.repeat(of_epoch, len(rows)), rows.astype(np.int64)], axis=1)


def uniform(keys: np.ndarray, number: int) -> np.ndarray:
    """Return a random number from 0 to 1 for each of the keys, (rows, 2) → float32 (rows,)."""
    counter = [0, number, 0, 0]
    streams = (np.random.Philox(key=key.view(np.uint64), counter=counter) for key in keys)
    return np.array([np.random.Generator(each).random(dtype=np.float32) for each in streams], np.float32)


def fold_in(key: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Derive an independent stateless seed from `key` and a number."""
    # The result also depends on the dtype of the number.
    return tf.random.experimental.stateless_fold_in(key, tf.cast(number, tf.int64))


def _around_zero(strength: float, key: tf.Tensor, shape: tuple[int, ...] = ()) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, key, -strength, strength)


def _clip(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image, 0.0, 255.0)


def _sides(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.shape(image)[:2], tf.float32)


def _rectangle(
    shape: tf.Tensor, areas: tuple[float, float], ratio: float, key: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draw rectangles of random area and aspect ratio; return the first that fits, at a random position.

    Args:
        shape: height and width to fit into.
        areas: smallest and largest area, as fractions of the whole.
        ratio: largest width over height, and height over width.
        key: integer tensor of shape (2,), the stateless seed.

    Returns:
        (top, left), (height, width), and whether any of the rectangles fits.
    """
    draws = tf.random.stateless_uniform((1 + TRIES, 2), key)
    low, high = areas
    area = tf.reduce_prod(shape) * (low + (high - low) * draws[1:, 0])
    width_over_height = tf.exp(math.log(ratio) * (2 * draws[1:, 1] - 1))
    sides = tf.round(tf.sqrt(tf.stack([area / width_over_height, area * width_over_height], axis=1)))
    fit = tf.reduce_all((sides >= 1) & (sides <= shape), axis=1)
    first = sides[tf.argmax(tf.cast(fit, tf.int32))]
    start = tf.floor((shape - first + 1) * draws[0])
    # A draw just below 1 can round up to one pixel beyond the last position.
    return tf.minimum(start, shape - first), first, tf.reduce_any(fit)
