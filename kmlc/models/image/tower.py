"""What every image tower is made of: preprocessing, a backbone, and how much of it is trained."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from keras import layers, ops
from keras.applications.imagenet_utils import preprocess_input

from kmlc.config import TowerConfig
from kmlc.errors import UserError
from kmlc.models.submodel import Submodel

LAYER = "image_tower"
"""Name of the tower's layer in a model."""
BACKBONE = "backbone"
"""Name of the backbone's layer in a tower."""


@dataclass(frozen=True)
class Tower:
    """An architecture for images.

    Attributes:
        backbone: from the size of the images in pixels and the settings to a model from preprocessed images
            (batch, size, size, 3) to vectors (batch, width), with fresh weights.
        preprocessing: what the backbone expects of its pixels, in Keras's words: tf is -1 to 1; torch is 0 to
            1 with ImageNet's mean and standard deviation; caffe is BGR less ImageNet's mean; none is 0 to
            255; efficientnet see `Preprocess`.
        smallest: the smallest size that the backbone takes, in pixels.
        imagenet: returns the backbone's weights as ImageNet taught it; None if there are none.
    """

    backbone: Callable[[int, TowerConfig], keras.Model]
    preprocessing: Literal["tf", "torch", "caffe", "efficientnet", "none"]
    smallest: int = 8
    imagenet: Callable[[], keras.Model] | None = None


# ImageNet's mean and standard deviation, of red, green and blue from 0 to 1.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Preprocess(layers.Layer):
    """Pixels from 0 to 255 as a backbone expects them, in float32.

    The mode `efficientnet` divides what differs from ImageNet's mean by the root of ImageNet's deviation; the
    backbone does the same once more (`kmlc.models.image.applications.efficientnet`).

    Args:
        mode: tf, torch, caffe, efficientnet or none, as in `Tower.preprocessing`.
    """

    def __init__(self, mode: str) -> None:
        super().__init__(dtype="float32", name="preprocess")
        self.mode = mode

    def call(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Return the images, (batch, height, width, 3), preprocessed."""
        if self.mode == "none":
            return images
        if self.mode == "efficientnet":
            return (images - 255 * MEAN) / np.sqrt(DEVIATION) + 255 * MEAN
        return preprocess_input(images, mode=self.mode)


def image_tower(tower: Tower, size: int, config: TowerConfig) -> keras.Model:
    """Return a model from images, float (batch, size, size, 3) with values from 0 to 255, to vectors.

    A backbone that starts from weights stays in inference mode: its batch normalisation keeps the statistics
    that it came with, which a small data set would only spoil.

    Raises:
        UserError: if the images are too small for the backbone, or `trainable` names no layer of it.
    """
    if size < tower.smallest:
        raise UserError(
            f"images.size: {config.name} takes images of {tower.smallest} pixels and more; got {size}"
        )
    images = keras.Input((size, size, 3), name="image")
    x = Preprocess(tower.preprocessing)(images)
    backbone = tower.backbone(size, config)
    freeze(backbone, config.trainable)
    x = Submodel(backbone, inference=config.weights != "none", name=BACKBONE)(x)
    if config.dropout:
        x = layers.Dropout(config.dropout)(x)
    return keras.Model(images, x)


def freeze(backbone: keras.Model, trainable: str) -> None:
    """Choose which layers are trained: `all`, `none`, or `from LAYER`, that layer and those behind it.

    Raises:
        UserError: if it is none of these.
    """
    if trainable in ("all", "none"):
        backbone.trainable = trainable == "all"
        return
    names = [layer.name for layer in backbone.layers]
    word, _, first = trainable.partition(" ")
    if word != "from" or first not in names:
        raise UserError(
            f"tower.trainable: expected all, none or `from LAYER` with one of the backbone's layers "
            f"({names[1]} … {names[-1]}); got {trainable}"
        )
    for layer in backbone.layers[: names.index(first)]:
        layer.trainable = False


def load_tower_weights(model: keras.Model, tower: Tower, config: TowerConfig) -> None:
    """Load the weights that `tower.weights` names into the backbone of a fresh image tower.

    Args:
        model: as `image_tower` returns it.
        tower: its architecture.
        config: `weights`: none; imagenet, which may be fetched; or a file of the backbone alone, as
            `keras.applications.VGG16(include_top=False).save_weights("vgg16.weights.h5")` writes it. Only
            arrays are read: the format can hold no code.

    Raises:
        UserError: if they cannot be had, or do not fit.
    """
    if config.weights == "none":
        return
    backbone = model.get_layer(BACKBONE).model
    if config.weights == "imagenet":
        backbone.set_weights(_imagenet(tower, config.name).get_weights())
        return
    path = Path(config.weights)
    if not path.name.endswith(".weights.h5"):
        raise UserError(
            f"tower.weights: expected none, imagenet or a Keras weights file (*.weights.h5); got {path}"
        )
    if not path.is_file():
        raise UserError(f"tower.weights: {path}: no such file")
    try:
        with warnings.catch_warnings():
            # Keras warns of every part that is not in the file before it raises.
            warnings.simplefilter("ignore")
            backbone.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().partition(". ")[0]
        raise UserError(f"tower.weights: {path}: does not fit {config.name} ({reason})") from None
    if tower.preprocessing == "efficientnet" and not _knows_imagenet(backbone):
        raise UserError(
            f"tower.weights: {path}: expected ImageNet's mean and deviation in the file's Normalization; got "
            "others, as in a file of an EfficientNet that was made without weights"
        )


def _knows_imagenet(efficientnet: keras.Model) -> bool:
    """Return whether the backbone's Normalization holds what `Preprocess` takes it to hold."""
    (layer,) = (each for each in efficientnet.layers if isinstance(each, layers.Normalization))
    held = (ops.convert_to_numpy(layer.adapt_mean), ops.convert_to_numpy(layer.adapt_variance))
    return np.allclose(held, (MEAN, DEVIATION), atol=1e-3)


def _imagenet(tower: Tower, name: str) -> keras.Model:
    if tower.imagenet is None:
        raise UserError(f"tower.weights: there are no ImageNet weights for {name}; none starts from scratch")
    try:
        return tower.imagenet()
    except Exception as error:
        # Keras and KerasHub raise plain Exception, ValueError, OSError and more when a download fails.
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"tower.weights: ImageNet weights of {name} could not be fetched ({reason}); "
            "pass a local file (*.weights.h5), or none to start from scratch"
        ) from None
