"""Image towers from presets, against KerasHub's own backbones on pixels that are normalised by hand."""

import json
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import keras_hub
import numpy as np
import pytest
from huggingface_hub import constants

from kmlc.config import TowerConfig
from kmlc.data import preset_loading
from kmlc.data.encoder_state import EncoderState, load_encoder_state, save_encoder_state
from kmlc.errors import UserError
from kmlc.models.image import load_pretrained, tower_of
from kmlc.models.image.families import FAMILIES
from kmlc.models.image.presets import preset_tower, read_preset
from kmlc.models.image.tower import BACKBONE, image_tower
from tests.models.image.backbones import (
    BACKBONES,
    DEVIATION,
    MEAN,
    hugging_face_dinov2,
    hugging_face_vit,
    keras_hub_folder,
    timm_resnet18,
)

FAST = ("ResNetBackbone",)
"""The family of the default run, beside Hugging Face's ViT and DINOv2."""
PIXELS = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


def tower_from(folder: Path, size: int | None = None, **settings: str) -> keras.Model:
    """Return the tower of a preset, of its own image size if no other is given."""
    config = TowerConfig("preset", preset=str(folder), **settings)  # type: ignore[arg-type]
    backbone = read_preset(str(folder))
    tower = image_tower(
        tower_of(config, EncoderState(image_backbone=backbone)), size or backbone.size, config
    )
    load_pretrained(tower, config)
    return tower


def features_of(folder: Path, pixels: np.ndarray, **arguments: object) -> np.ndarray:
    """Return what the backbone that KerasHub loads itself makes of normalised pixels."""
    backbone = keras_hub.models.Backbone.from_preset(str(folder), **arguments)
    backbone = getattr(backbone, "vision_encoder", backbone)
    inputs = {backbone.inputs[0].name: pixels} if isinstance(backbone.input, dict) else pixels
    return np.asarray(backbone(inputs))


def normalised(mean: tuple[float, ...], deviation: tuple[float, ...], size: int = 32) -> np.ndarray:
    return ((PIXELS[:, :size, :size] / 255 - mean) / deviation).astype(np.float32)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("presets") / "vit"
    keras_hub_folder(folder, "ViTBackbone")
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in FAMILIES]
)
def test_embeddings_are_those_of_keras_hub(name: str, tmp_path: Path) -> None:
    keras_hub_folder(tmp_path, name)
    features = features_of(tmp_path, normalised(MEAN, DEVIATION))
    if features.ndim == 4:
        expected = features.mean((1, 2))
    elif name == "SwinTransformerBackbone":
        expected = features.mean(1)
    else:
        expected = features[:, 0] if features.ndim == 3 else features
    assert expected.std() > 0.01
    np.testing.assert_allclose(tower_from(tmp_path)(PIXELS), expected, rtol=1e-5, atol=1e-5)


def test_every_family_has_a_tiny_backbone() -> None:
    assert BACKBONES.keys() == FAMILIES.keys()


def test_hugging_face_vit(tmp_path: Path) -> None:
    """Google's ViTs have 0.5 as mean and deviation of every channel, and no rescale_factor in older files."""
    hugging_face_vit(tmp_path)
    expected = features_of(tmp_path, normalised((0.5,) * 3, (0.5,) * 3))[:, 0]
    np.testing.assert_allclose(tower_from(tmp_path)(PIXELS), expected, rtol=1e-5, atol=1e-5)


def test_hugging_face_dinov2_at_the_size_of_its_preprocessor(tmp_path: Path) -> None:
    hugging_face_dinov2(tmp_path)
    assert read_preset(str(tmp_path)).size == 16
    expected = features_of(tmp_path, normalised(MEAN, DEVIATION, 16), image_shape=(16, 16, 3))[:, 0]
    tower = tower_from(tmp_path)
    assert tower.input_shape == (None, 16, 16, 3)
    np.testing.assert_allclose(tower(PIXELS[:, :16, :16]), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_timm_resnet18(tmp_path: Path) -> None:
    timm_resnet18(tmp_path)
    assert read_preset(str(tmp_path)).size == 224
    expected = features_of(tmp_path, normalised(MEAN, DEVIATION)).mean((1, 2))
    np.testing.assert_allclose(tower_from(tmp_path, 32)(PIXELS), expected, rtol=1e-4)


def test_a_tower_is_rebuilt_without_its_preset(tmp_path: Path) -> None:
    """DINOv2 at another size than its preset's, with trained position embeddings, whose sum has grown."""
    folder, state, weights = tmp_path / "preset", tmp_path / "encoder.json", tmp_path / "a.weights.h5"
    hugging_face_dinov2(folder)
    tower = tower_from(folder, 24)
    save_encoder_state(state, EncoderState(image_backbone=read_preset(str(folder))))
    shutil.rmtree(folder)
    trained = tower.get_layer(BACKBONE).model.trainable_variables
    assert not any("mask_token" in each.path for each in trained)
    for variable in trained:
        variable.assign_add(keras.random.uniform(variable.shape, 0.1, 0.2))
    tower.save_weights(weights)
    config = TowerConfig("preset", preset=str(folder))
    again = image_tower(tower_of(config, load_encoder_state(state)), 24, config)
    again.load_weights(weights)
    pixels = PIXELS[:, :24, :24]
    np.testing.assert_array_equal(again(pixels), tower(pixels))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 64}, r"images\.size: expected 32, the only size that the weights of .*vit fit; got 64"),
        ({"weights": "imagenet"}, r"tower\.weights: expected none with tower\.preset, .*; got imagenet"),
        ({"trainable": "from vit"}, r"tower\.trainable: expected all, none or `from LAYER` .* \(vit_patch"),
    ],
)
def test_wrong_settings_end_in_one_line(settings: dict[str, object], message: str, vit: Path) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        tower_from(vit, **settings)  # type: ignore[arg-type]


def test_size_is_a_multiple_of_the_patches(tmp_path: Path) -> None:
    hugging_face_dinov2(tmp_path)
    with pytest.raises(UserError, match=r"^images\.size: expected a multiple of 8 with .*; got 20$"):
        tower_from(tmp_path, 20)


def _without(folder: Path, name: str) -> None:
    (folder / name).unlink()


def _with_other_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["config"] |= values
    _write_config(folder, json.dumps(config))


def _write_config(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: _without(folder, "config.json"), r"could not be loaded \(Preset .* no config\.json"),
        (lambda folder: _without(folder, "model.weights.h5"), r"could not be loaded \(`model\.weights\.h5`"),
        (lambda folder: _without(folder, "image_converter.json"), "does not say how pixels are normalised; "),
        (lambda folder: _with_other_config(folder, hidden_dim=16), r"expected shape \(1, 1, 16\); got"),
        (
            lambda folder: _with_other_config(folder, num_layers="2"),
            "expected the arguments of ViT; got others",
        ),
        (lambda folder: _with_other_config(folder, image_shape=[32, 48, 3]), "expected a square"),
        (lambda folder: _write_config(folder, "{"), "could not be loaded"),
        (lambda folder: _write_config(folder, '{"model_type": "clip"}'), "KerasHub has no converter for"),
        (lambda folder: _write_config(folder, '{"model_type": "vit"}'), "it has no 'image_size'"),
    ],
)
def test_wrong_folder_ends_in_one_line(
    change: Callable[[Path], None], message: str, vit: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(vit, tmp_path / "vit")
    change(folder)
    with pytest.raises(UserError, match=message) as raised:
        tower_from(folder)
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value) or "image_backbone" in str(raised.value)


def test_a_text_preset_is_no_image_tower(tmp_path: Path) -> None:
    keras_hub.models.BertBackbone(9, 1, 1, 4, 4, max_sequence_length=4).save_to_preset(str(tmp_path))
    with pytest.raises(UserError, match=r"^tower\.preset: .* is a BertBackbone; pass the folder of a .*ViT"):
        read_preset(str(tmp_path))


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("resnet50_imagenet", r"\(no such folder or KerasHub preset \(did you mean resnet_50_imagenet\?\)\)"),
        (
            "hf://timm/resnet18.a1_in1k",
            r"\(no connection\); download .*huggingface\.co/timm/resnet18\.a1_in1k",
        ),
    ],
)
def test_a_preset_out_of_reach_fails_at_once(
    preset: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(preset_loading, "getproxies", dict)
    monkeypatch.setattr(socket, "create_connection", refuse)
    began = time.monotonic()
    with pytest.raises(UserError, match=message):
        read_preset(preset)
    assert time.monotonic() - began < 3
    assert not constants.HF_HUB_OFFLINE


def test_a_run_of_a_stranger_ends_in_one_line(vit: Path) -> None:
    backbone = read_preset(str(vit))
    with pytest.raises(UserError, match=r"^image_backbone: expected one of ResNetBackbone.*; got Lambda$"):
        preset_tower(replace(backbone, name="Lambda"))
    tower = preset_tower(replace(backbone, arguments={"function": "system"}))
    with pytest.raises(UserError, match=r"^image_backbone: expected the arguments of ViT; got others"):
        tower.backbone(32, TowerConfig())
    with pytest.raises(UserError, match=r"^image_backbone: expected that of vit; got null$"):
        tower_of(TowerConfig("preset", preset="vit"), EncoderState())
