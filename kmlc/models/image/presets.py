"""The image towers of `tower.preset`: a pretrained backbone that KerasHub has or converts.

A run keeps the class and the arguments of the backbone, and its normalisation; it is built from them, and the
preset is read only once, for its weights.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_hub.layers import ImageConverter

# Not public, but the only way to know what a preset holds before any of it is built.
from keras_hub.src.utils.preset_utils import (
    IMAGE_CONVERTER_CONFIG_FILE,
    MODEL_WEIGHTS_FILE,
    KerasPresetLoader,
    PresetLoader,
    check_config_class,
    check_file_exists,
    get_file,
    get_preset_loader,
)
from keras_hub.src.utils.timm.preset_loader import TimmPresetLoader

from kmlc.config import IMAGE_SIZE, TowerConfig
from kmlc.data.encoder_state import ImageBackbone
from kmlc.data.preset_loading import loading
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.models.image.families import FAMILIES, IN_PRESETS, Family
from kmlc.models.image.tower import BACKBONE, Normalization, Tower
from kmlc.weights_file import load_weights_file

_FAMILIES = ", ".join(family.title for family in FAMILIES.values())
_EXPECTED = f"the folder of a KerasHub or Hugging Face image backbone: {_FAMILIES}"
_PREPROCESSOR = "preprocessor_config.json"
"""The normalisation in a Hugging Face folder."""
_OF_ANY_LAYER = ("name", "trainable", "dtype")
"""Arguments that KerasHub saves of any layer."""


def read_preset(preset: str) -> ImageBackbone:
    """Return what a run keeps of the preset of an image backbone.

    Args:
        preset: a KerasHub preset name, an `hf://` name, or a local KerasHub or Hugging Face folder.

    Raises:
        UserError: if the preset cannot be downloaded or read, is of no family in `FAMILIES`, or does not say
            how pixels are normalised.

    Example:
        read_preset("resnet_50_imagenet").size  # 224
    """
    with loading("tower.preset", preset, _EXPECTED):
        loader = get_preset_loader(preset)
        family = _family(loader)
        arguments = _arguments(loader, family)
        scale, offset, size = _normalization(loader)
        if family.fixed_size:
            height, size = arguments[family.shape][:2]
            if height != size:
                raise UserError(
                    f"tower.preset: {preset!r} is for images of {height} by {size} pixels; expected a square"
                )
        return ImageBackbone(family.backbone.__name__, arguments, size or IMAGE_SIZE, scale, offset)


def preset_tower(backbone: ImageBackbone) -> Tower:
    """Return the tower of an image backbone, with fresh weights.

    Raises:
        UserError: if there is no such family, or it has other arguments.
    """
    family = FAMILIES.get(backbone.name)
    if family is None:
        raise UserError(f"image_backbone: expected one of {', '.join(FAMILIES)}; got {backbone.name}")
    with _building(family):
        step = family.step(backbone.arguments)
    return Tower(
        partial(_backbone, family, backbone),
        Normalization(backbone.scale, backbone.offset),
        smallest=step,
        step=step,
        only=backbone.size if family.fixed_size else None,
    )


def load_preset_weights(tower: keras.Model, preset: str) -> None:
    """Copy the weights of a preset into the backbone of a tower that `preset_tower` describes.

    Raises:
        UserError: if they cannot be loaded, or do not fit.
    """
    ours = tower.get_layer(BACKBONE).model
    with loading("tower.preset", preset, _EXPECTED):
        loader = get_preset_loader(preset)
        family = _family(loader)
        theirs = _pretrained(loader, family, ours.input_shape[1:])
        ours.set_weights(_pooled(family, theirs, _arguments(loader, family)).get_weights())


def _backbone(family: Family, state: ImageBackbone, size: int, config: TowerConfig) -> keras.Model:
    with _building(family):
        backbone = family.backbone(**state.arguments | {family.shape: (size, size, 3)})
        family.prepare(backbone)
        return _pooled(family, backbone, state.arguments)


@contextmanager
def _building(family: Family) -> Iterator[None]:
    """Say in one line what wrong arguments of a backbone raise in the block."""
    try:
        yield
    except Exception as error:  # KerasHub's classes hardly check their arguments
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise UserError(
            f"image_backbone: expected the arguments of {family.title}; got others ({reason})"
        ) from None


def _pooled(family: Family, backbone: keras.Model, arguments: Mapping[str, Any]) -> keras.Model:
    # Some backbones take a dictionary of one image.
    return keras.Model(backbone.inputs[0], family.pool(backbone.output, arguments))


def _family(loader: PresetLoader) -> Family:
    kind = loader.check_backbone_class()
    if kind not in IN_PRESETS:
        raise UserError(f"tower.preset: {loader.preset!r} is a {kind.__name__}; pass {_EXPECTED}")
    return IN_PRESETS[kind]


def _arguments(loader: PresetLoader, family: Family) -> dict[str, Any]:
    """Return the arguments of the backbone, as JSON holds them."""
    if not isinstance(loader, KerasPresetLoader):
        return json.loads(json.dumps(loader.converter.convert_backbone_config(loader.config)))
    saved = loader.config["config"]["vision_encoder"] if family.whole else loader.config
    return _saved_arguments(saved, family.backbone)


def _saved_arguments(saved: Mapping[str, Any], kind: type[keras.Model]) -> dict[str, Any]:
    """Return the arguments of a class of KerasHub as it saves them.

    Keras itself would build whatever else the file of a stranger names.
    """
    if check_config_class(saved) is not kind:
        raise ValueError(f"expected a {kind.__name__}; got {saved['registered_name']}")
    return {name: value for name, value in saved["config"].items() if name not in _OF_ANY_LAYER}


def _pretrained(loader: PresetLoader, family: Family, shape: tuple[int, ...]) -> keras.Model:
    """Return the backbone of a preset with its weights, for images of this shape."""
    size = {} if family.fixed_size else {family.shape: shape}
    if not isinstance(loader, KerasPresetLoader):
        return family.backbone.from_preset(loader.preset, **size)
    whole = backbone = family.backbone(**_arguments(loader, family) | size)
    if family.whole and family.text:
        saved = _saved_arguments(loader.config, family.whole)
        text = family.text(**_saved_arguments(saved["text_encoder"], family.text))
        whole = family.whole(**saved | {"vision_encoder": backbone, "text_encoder": text})
    load_weights_file(Path(get_file(loader.preset, MODEL_WEIGHTS_FILE)), whole, "its config.json")
    return backbone


def _normalization(loader: PresetLoader) -> tuple[tuple[float, ...], tuple[float, ...], int | None]:
    """Return scale and offset of red, green and blue, and the image size, None if the preset names none.

    KerasHub's image converter also crops and resizes; only what it does to the pixels is used.

    Raises:
        UserError: if the preset has no normalisation.
    """
    converter = _converter(loader) or _hugging_face_converter(loader.preset)
    if converter is None:
        raise UserError(
            f"tower.preset: {loader.preset!r} does not say how pixels are normalised; expected "
            f"{IMAGE_CONVERTER_CONFIG_FILE} of KerasHub in it, or image_mean and image_std in {_PREPROCESSOR}"
        )
    scale, offset = (
        tuple(np.broadcast_to(np.array(values, float), 3).tolist())
        for values in (
            1.0 if converter.scale is None else converter.scale,
            0.0 if converter.offset is None else converter.offset,
        )
    )
    return scale, offset, converter.image_size and int(converter.image_size[0])


def _converter(loader: PresetLoader) -> ImageConverter | None:
    """Return the image converter of KerasHub's own presets and of timm's; None if there is none."""
    if isinstance(loader, TimmPresetLoader):
        return loader.load_image_converter(ImageConverter)
    if not check_file_exists(loader.preset, IMAGE_CONVERTER_CONFIG_FILE):
        return None
    saved = read_json(Path(get_file(loader.preset, IMAGE_CONVERTER_CONFIG_FILE)), dict)["config"]
    return ImageConverter(**{name: value for name, value in saved.items() if name not in _OF_ANY_LAYER})


def _hugging_face_converter(preset: str) -> ImageConverter | None:
    """Return the same of a Hugging Face preset, which KerasHub reads for few families."""
    if not check_file_exists(preset, _PREPROCESSOR):
        return None
    saved = read_json(Path(get_file(preset, _PREPROCESSOR)), dict)
    mean, deviation = saved.get("image_mean"), saved.get("image_std")
    if not saved.get("do_normalize", True):
        mean, deviation = 0.0, 1.0
    if mean is None or deviation is None:
        return None
    factor = saved.get("rescale_factor", 1 / 255) if saved.get("do_rescale", True) else 1.0
    cropped = saved.get("do_center_crop", True) and saved.get("crop_size")
    size = cropped or saved.get("size") or {}
    side = size.get("height", size.get("shortest_edge")) if isinstance(size, dict) else size
    return ImageConverter(
        image_size=(side, side) if side else None,
        scale=(factor / np.array(deviation, float)).tolist(),
        offset=(-np.array(mean, float) / np.array(deviation, float)).tolist(),
    )
