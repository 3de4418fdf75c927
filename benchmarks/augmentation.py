"""System 1's augmentation compared with a stack of Keras's preprocessing layers, in images per second.

    python -m benchmarks.augmentation

Both augment the same 320x240 images from memory to 224x224, one at a time in the same tf.data pipeline. Keras
has no layer for RandomResizedCrop, so its stack resizes the whole image. The two alternate; the rates are
medians.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import time
from collections.abc import Callable, Sequence
from statistics import median

import keras
import tensorflow as tf

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.data.augment import augment
from kmlc.data.crop_flip import resize
from kmlc.settings import CONFIGS, layered

SIZE = 224
SYSTEM1 = layered([CONFIGS / "system1.yaml"]).images

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@command
def main(argv: Sequence[str]) -> None:
    """Print the images per second of both, and the ratio."""
    parser = OneLineParser(description="System 1's augmentation against Keras's preprocessing layers.")
    parser.add_argument("--images", type=int, default=400, help="images in one measurement")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each")
    arguments = parser.parse_args(argv)
    images = tf.cast(tf.random.stateless_uniform((16, 240, 320, 3), (0, 0), maxval=256), tf.uint8)
    pipelines = {
        name: pipeline(augmentation, images, arguments.images)
        for name, augmentation in {"kmlc": kmlc_augmentation, "Keras layers": keras_augmentation()}.items()
    }
    for batches in pipelines.values():
        seconds(batches)  # the first pass includes tracing
    timings: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(arguments.repeats):
        for name, batches in pipelines.items():
            timings[name].append(seconds(batches))
    rates = {name: arguments.images / median(each) for name, each in timings.items()}
    print(f"images/s, median of {arguments.repeats}, {os.cpu_count()} CPU cores")
    for name, rate in rates.items():
        print(f"{name:<14}{rate:>8.0f}")
    print(f"{'ratio':<14}{rates['kmlc'] / rates['Keras layers']:>8.1f}")


def kmlc_augmentation(pixels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Augment an image as `training_batches` does with system 1's settings."""
    return augment(pixels, SIZE, SYSTEM1, tf.stack([42, tf.cast(number, tf.int64)]))


def keras_augmentation() -> Augmentation:
    """Return the same transforms of the same strength as Keras layers."""
    turn = SYSTEM1.rotation / 360
    layers = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomBrightness(SYSTEM1.brightness),
            keras.layers.RandomContrast(SYSTEM1.contrast),
            keras.layers.RandomSaturation((0.35, 0.65)),  # 0.5 leaves the saturation as it is
            keras.layers.RandomRotation(turn, fill_mode="constant"),
            keras.layers.RandomZoom(SYSTEM1.zoom, fill_mode="constant"),
            keras.layers.RandomTranslation(SYSTEM1.translation, SYSTEM1.translation, fill_mode="constant"),
            keras.layers.RandomErasing(SYSTEM1.erasing, scale=(0.02, 0.2)),
        ]
    )

    def resized(pixels: tf.Tensor) -> tf.Tensor:
        small = tf.numpy_function(lambda pixels: resize(pixels, SIZE), [pixels], tf.uint8, stateful=False)
        return tf.cast(tf.ensure_shape(small, (SIZE, SIZE, 3)), tf.float32)

    return lambda pixels, number: layers(resized(pixels), training=True)


def pipeline(augmentation: Augmentation, images: tf.Tensor, count: int) -> tf.data.Dataset:
    """Return batches of `count` augmented images, mapped in parallel as in training."""
    augmented = tf.data.Dataset.range(count).map(
        lambda number: augmentation(images[number % len(images)], number), num_parallel_calls=tf.data.AUTOTUNE
    )
    return augmented.batch(16).prefetch(tf.data.AUTOTUNE)


def seconds(batches: tf.data.Dataset) -> float:
    """Return the duration of one pass."""
    start = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
