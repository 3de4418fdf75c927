"""The image backbones of KerasHub that can be a tower: a record and a line in `FAMILIES` for each family."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import keras
from keras import layers
from keras_hub import models

Arguments = Mapping[str, Any]
"""The arguments of a backbone's class."""


@dataclass(frozen=True)
class Family:
    """What there is to know of the backbones of one class, which have no interface in common.

    Attributes:
        backbone: the class, from an image (batch, size, size, 3) to features.
        pool: from these features and the arguments to the embedding, (batch, width).
        fixed_size: whether the weights fit one image size alone, as those with a position embedding for each
            patch do.
        step: from the arguments to the number of pixels of which the image size is a multiple.
        shape: the argument with the shape of an image.
        whole: the class that presets hold, whose `vision_encoder` is the backbone; None if they hold the
            backbone itself.
        text: the class of its `text_encoder`.
        prepare: what to do with a new backbone.
    """

    backbone: type[keras.Model]
    pool: Callable[[keras.KerasTensor, Arguments], keras.KerasTensor]
    fixed_size: bool = False
    step: Callable[[Arguments], int] = lambda arguments: 1
    shape: str = "image_shape"
    whole: type[keras.Model] | None = None
    text: type[keras.Model] | None = None
    prepare: Callable[[keras.Model], None] = lambda backbone: None

    @property
    def title(self) -> str:
        """The family's name, for messages."""
        return self.backbone.__name__.removesuffix("Backbone").removesuffix("VisionEncoder")


def _mean_of_map(features: keras.KerasTensor, arguments: Arguments) -> keras.KerasTensor:
    return layers.GlobalAveragePooling2D()(features)


def _mean_of_patches(features: keras.KerasTensor, arguments: Arguments) -> keras.KerasTensor:
    return layers.GlobalAveragePooling1D()(features)


def _class_token(features: keras.KerasTensor, arguments: Arguments) -> keras.KerasTensor:
    """Return the first token; other prefix tokens, of distillation or registers, follow it."""
    return features[:, 0]


def _class_token_if_any(features: keras.KerasTensor, arguments: Arguments) -> keras.KerasTensor:
    has_one = arguments.get("use_class_token", True)
    return (_class_token if has_one else _mean_of_patches)(features, arguments)


def _pooled(features: keras.KerasTensor, arguments: Arguments) -> keras.KerasTensor:
    return features


def _patch(arguments: Arguments) -> int:
    return int(arguments["patch_size"])


def _swin_step(arguments: Arguments) -> int:
    """Return the step at which windows fill every feature map.

    With other sizes KerasHub fails, or pads after the shift of the windows and not before it, as published.
    """
    return int(arguments["patch_size"] * 2 ** (len(arguments["depths"]) - 1) * arguments["window_size"])


def _freeze_mask_token(backbone: keras.Model) -> None:
    """Freeze what only DINO's own pretraining uses: Keras warns of trained weights without gradients."""
    if backbone.use_mask_token:
        backbone.embeddings.mask_token.trainable = False


def _prepare_dinov2(backbone: keras.Model) -> None:
    """Also let weights files hold the trained position embeddings as they are.

    KerasHub's own methods save them resized to the preset's image size, or not at all if their sum has grown.
    """
    _freeze_mask_token(backbone)
    embedding = backbone.embeddings
    embedding.save_own_variables = MethodType(layers.Layer.save_own_variables, embedding)
    embedding.load_own_variables = MethodType(layers.Layer.load_own_variables, embedding)


_ALL = (
    Family(models.ResNetBackbone, _mean_of_map),
    Family(models.EfficientNetBackbone, _mean_of_map, shape="input_shape"),
    Family(models.MobileNetBackbone, _mean_of_map),
    Family(models.ViTBackbone, _class_token_if_any, fixed_size=True),
    Family(models.DeiTBackbone, _class_token, fixed_size=True),
    Family(models.SwinTransformerBackbone, _mean_of_patches, step=_swin_step),
    Family(models.DINOV2Backbone, _class_token, step=_patch, prepare=_prepare_dinov2),
    Family(models.DINOV3Backbone, _class_token, step=_patch, prepare=_freeze_mask_token),
    # Without the projection to the space that images and texts share, as in the linear probes of the paper
    # (Radford et al., ICML 2021, appendix A.3).
    Family(
        models.CLIPVisionEncoder,
        _class_token,
        fixed_size=True,
        whole=models.CLIPBackbone,
        text=models.CLIPTextEncoder,
    ),
    Family(
        models.SigLIPVisionEncoder,
        _pooled,
        fixed_size=True,
        whole=models.SigLIPBackbone,
        text=models.SigLIPTextEncoder,
    ),
)

FAMILIES: dict[str, Family] = {each.backbone.__name__: each for each in _ALL}
"""By the name of the backbone's class, as a run keeps it."""
IN_PRESETS: dict[type[keras.Model], Family] = {each.whole or each.backbone: each for each in _ALL}
"""By the class that presets hold."""
