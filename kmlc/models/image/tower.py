"""The parts of every image tower: preprocessing, a backbone, and which of its layers are trained."""

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
from kmlc.weights_file import load_weights_file

LAYER = "image_tower"
"""Name of the tower's layer in a model."""
BACKBONE = "backbone"
"""Name of the backbone's layer in a tower."""
PREPROCESS = "preprocess"
"""Name of the layer before it."""


@dataclass(frozen=True)
class Normalization:
    """A normalisation of pixels: they are multiplied, then added to, red, green and blue by themselves.

    Attributes:
        scale: factor of each channel.
        offset: what is added to it then.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]


@dataclass(frozen=True)
class Tower:
    """An architecture for images.

    Attributes:
        backbone: builds, for an image size in pixels and settings, a model with fresh weights from
            preprocessed images (batch, size, size, 3) to embeddings (batch, width).
        preprocessing: the range of pixel values that the backbone expects, by Keras's names: tf is -1 to 1;
            torch is 0 to 1, normalised with ImageNet's mean and standard deviation; caffe is BGR minus
            ImageNet's mean; none is 0 to 255; for efficientnet see `Preprocess`; or another normalisation.
        smallest: the smallest image size that the backbone accepts, in pixels.
        imagenet: returns the backbone with ImageNet weights; None if there are none.
        step: the number of pixels of which an image size is a multiple.
        only: the only image size that the weights fit; None if there are several.
    """

    backbone: Callable[[int, TowerConfig], keras.Model]
    preprocessing: Literal["tf", "torch", "caffe", "efficientnet", "none"] | Normalization
    smallest: int = 8
    imagenet: Callable[[], keras.Model] | None = None
    step: int = 1
    only: int | None = None


# ImageNet's mean and standard deviation of red, green and blue, on a scale from 0 to 1.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Preprocess(layers.Layer):
    """Scales pixels from 0 to 255 to the range that a backbone expects, in float32.

    The mode `efficientnet` divides the difference from ImageNet's mean by the square root of ImageNet's
    standard deviation; the backbone does so once more (`kmlc.models.image.applications.efficientnet`).

    Args:
        mode: as `Tower.preprocessing`.
    """

    def __init__(self, mode: str | Normalization) -> None:
        super().__init__(dtype="float32", name=PREPROCESS)
        self.mode = mode

    def call(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Return the images, (batch, height, width, 3), preprocessed."""
        if isinstance(self.mode, Normalization):
            return images * np.array(self.mode.scale, np.float32) + np.array(self.mode.offset, np.float32)
        if self.mode == "none":
            return images
        if self.mode == "efficientnet":
            return (images - 255 * MEAN) / np.sqrt(DEVIATION) + 255 * MEAN
        return preprocess_input(images, mode=self.mode)


def image_tower(tower: Tower, size: int, config: TowerConfig) -> keras.Model:
    """Return a model from images, float (batch, size, size, 3) with values from 0 to 255, to embeddings.

    A pretrained backbone stays in inference mode: its batch normalisation keeps the pretrained statistics,
    because those of a small data set are worse. So does a frozen one: its dropout would train nothing.

    Raises:
        UserError: if the backbone does not take images of this size, or `trainable` names none of its layers.
    """
    _check_size(size, tower, config)
    images = keras.Input((size, size, 3), name="image")
    x = Preprocess(tower.preprocessing)(images)
    backbone = tower.backbone(size, config)
    freeze(backbone, config.trainable)
    x = Submodel(backbone, config.in_inference_mode, name=BACKBONE)(x)
    if config.dropout:
        x = layers.Dropout(config.dropout)(x)
    return keras.Model(images, x)


def _check_size(size: int, tower: Tower, config: TowerConfig) -> None:
    expected = None
    if tower.only not in (None, size):
        expected = f"{tower.only}, the only size that the weights of {config.title} fit"
    elif size % tower.step:
        expected = f"a multiple of {tower.step} with {config.title}"
    elif size < tower.smallest:
        expected = f"at least {tower.smallest} pixels with {config.title}"
    if expected:
        raise UserError(f"images.size: expected {expected}; got {size}")


def freeze(backbone: keras.Model, trainable: str) -> None:
    """Freeze layers of a new backbone, but `all`, `none`, or `from LAYER`, that layer and all later ones.

    Raises:
        UserError: if `trainable` is none of these.
    """
    if trainable == "all":
        return
    if trainable == "none":
        backbone.trainable = False
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
        config: `weights`: none; imagenet, which may be downloaded; or a file of the backbone alone, as
            `keras.applications.VGG16(include_top=False).save_weights("vgg16.weights.h5")` writes it. Only
            arrays are read: the format cannot hold code.

    Raises:
        UserError: if the weights cannot be loaded, or do not fit.
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
        load_weights_file(path, backbone, config.name)
    except UserError as error:
        raise UserError(f"tower.weights: {error}") from None
    if tower.preprocessing == "efficientnet" and not _has_imagenet_statistics(backbone):
        raise UserError(
            f"tower.weights: {path}: expected ImageNet's mean and deviation in the Normalization layer; got "
            "others, as in the weights of an EfficientNet that was built without ImageNet weights"
        )


def _has_imagenet_statistics(efficientnet: keras.Model) -> bool:
    """Return whether the backbone's Normalization layer holds the values that `Preprocess` relies on."""
    (layer,) = (each for each in efficientnet.layers if isinstance(each, layers.Normalization))
    held = (ops.convert_to_numpy(layer.adapt_mean), ops.convert_to_numpy(layer.adapt_variance))
    return np.allclose(held, (MEAN, DEVIATION), atol=1e-3)


def _imagenet(tower: Tower, name: str) -> keras.Model:
    if tower.imagenet is None:
        raise UserError(
            f"tower.weights: expected none or a file, as {name} has no ImageNet weights; got imagenet"
        )
    try:
        return tower.imagenet()
    except Exception as error:
        # Keras and KerasHub raise plain Exception, ValueError, OSError and more when a download fails.
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"tower.weights: ImageNet weights of {name} could not be downloaded ({reason}); "
            "pass a local file (*.weights.h5), or none to start from scratch"
        ) from None
