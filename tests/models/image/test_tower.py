"""Weights and trainable layers of image towers, against Keras's own models."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import applications, layers
from keras.src.applications import efficientnet

from kmlc.config import TowerConfig
from kmlc.errors import UserError
from kmlc.models.image import TOWERS
from kmlc.models.image.tower import BACKBONE, Tower, image_tower, load_tower_weights

SIZE = 32
PIXELS = np.random.default_rng(0).uniform(0, 255, (4, SIZE, SIZE, 3)).astype(np.float32)


def tower_of(name: str, size: int = SIZE, **settings: str) -> keras.Model:
    config = TowerConfig(name, **settings)  # type: ignore[arg-type]
    tower = image_tower(TOWERS[name], size, config)
    load_tower_weights(tower, TOWERS[name], config)
    return tower


def backbone_of(tower: keras.Model) -> keras.Model:
    return tower.get_layer(BACKBONE).model


def values(model: keras.Model) -> list[np.ndarray]:
    return [np.array(value) for value in model.get_weights()]


def assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    assert len(ours) == len(theirs)
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, two)


def randomise(model: keras.Model) -> None:
    """Give every weight a random value, including those initialised to zeros or ones."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        value = np.asarray(variable)
        noise = rng.uniform(0.5, 1.5, value.shape)
        random = value * noise if value.any() else noise - 1
        variable.assign(random.astype(value.dtype))


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, keras.Model]:
    """A MobileNetV2 with random weights, and a tower that loaded them from a file."""
    model = applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3)
    )
    randomise(model)
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    model.save_weights(path)
    return model, tower_of("mobilenetv2", weights=str(path))


def test_backbone_file_is_loaded(mobilenet: tuple[keras.Model, keras.Model]) -> None:
    model, tower = mobilenet
    assert_equal(values(tower), values(model))
    expected = model(PIXELS / 127.5 - 1, training=False)
    np.testing.assert_allclose(tower(PIXELS), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def keras_efficientnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A weights file like Keras's ImageNet weights, and the embeddings of Keras's model with these weights.

    As in Keras's files, the stored variance is ImageNet's standard deviation.
    """
    shape = (SIZE, SIZE, 3)
    model = applications.EfficientNetB0(weights=None, include_top=False, pooling="avg", input_shape=shape)
    randomise(model)
    normalization = model.get_layer(index=2)
    normalization.adapt_mean.assign([0.485, 0.456, 0.406])
    normalization.adapt_variance.assign([0.229, 0.224, 0.225])
    path = tmp_path_factory.mktemp("weights") / "efficientnet.weights.h5"
    model.save_weights(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
        model = applications.EfficientNetB0(
            weights="imagenet", include_top=False, pooling="avg", input_shape=shape
        )
    return path, np.asarray(model(PIXELS, training=False))


@pytest.mark.parametrize("weights", ["imagenet", pytest.param("file", marks=pytest.mark.slow)])
def test_efficientnet_embeddings_equal_those_of_keras(
    weights: str, keras_efficientnet: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras corrects the stored deviation only with `weights="imagenet"`; the tower corrects it always.

    Copying weights, as `imagenet` does, did not update the constants of Keras's Normalization layer.
    """
    path, expected = keras_efficientnet
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
    tower = tower_of("efficientnetb0", weights=str(path) if weights == "file" else weights)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(tower(PIXELS), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("imagenet", [True, False])
def test_efficientnet_file_needs_imagenet_statistics(imagenet: bool, tmp_path: Path) -> None:
    """A model built with `weights=None` holds 0 and 1: it was trained on other pixel values."""

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        inputs = keras.Input((size, size, 3))
        normalised = layers.Normalization()(inputs)
        return keras.Model(inputs, layers.GlobalAveragePooling2D()(normalised))

    model, path = backbone(SIZE, TowerConfig()), tmp_path / "built.weights.h5"
    if imagenet:
        model.layers[1].adapt_mean.assign([0.485, 0.456, 0.406])
        model.layers[1].adapt_variance.assign([0.229, 0.224, 0.225])
    model.save_weights(path)
    tower, config = Tower(backbone, "efficientnet"), TowerConfig("efficientnetb0", weights=str(path))
    model = image_tower(tower, SIZE, config)
    if imagenet:
        load_tower_weights(model, tower, config)
    else:
        with pytest.raises(UserError, match=r"built\.weights\.h5: expected ImageNet's mean and deviation"):
            load_tower_weights(model, tower, config)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        (
            "simple_cnn",
            "model.keras",
            r"expected none, imagenet or a Keras weights file \(\*\.weights\.h5\); ",
        ),
        ("simple_cnn", "model.h5", r"expected none, imagenet or a Keras weights file \(\*\.weights\.h5\); "),
        ("simple_cnn", "none.weights.h5", r"none\.weights\.h5: no such file$"),
        ("simple_cnn", "broken.weights.h5", r"broken\.weights\.h5: damaged; expected a Keras weights file"),
        ("simple_cnn", "other.weights.h5", r"other\.weights\.h5: does not fit simple_cnn \("),
        (
            "simple_cnn",
            "imagenet",
            r"expected none or a file, as simple_cnn has no ImageNet weights; got imagenet$",
        ),
        ("hybrid", "imagenet", r"expected none or a file, as hybrid has no ImageNet weights; got imagenet$"),
    ],
)
def test_unusable_weights_end_in_one_line(
    name: str, weights: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.weights.h5").write_bytes(b"not HDF5")
    for there in ("model.keras", "model.h5"):
        Path(there).write_bytes(b"")
    TOWERS["cnn2"].backbone(SIZE, TowerConfig("cnn2")).save_weights("other.weights.h5")
    with pytest.raises(UserError, match=rf"^tower\.weights: .*{message}") as raised:
        tower_of(name, weights=weights)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("error", [Exception("URL fetch failure\non https://x: None"), OSError("no route")])
def test_failed_download_ends_in_one_line(error: Exception) -> None:
    def fail() -> keras.Model:
        raise error

    tower = replace(TOWERS["simple_cnn"], imagenet=fail)
    config = TowerConfig("simple_cnn", weights="imagenet")
    reason = " ".join(str(error).split())
    with pytest.raises(UserError) as raised:
        load_tower_weights(image_tower(tower, SIZE, config), tower, config)
    assert str(raised.value) == (
        f"tower.weights: ImageNet weights of simple_cnn could not be downloaded ({reason}); "
        "pass a local file (*.weights.h5), or none to start from scratch"
    )


@pytest.mark.parametrize(
    ("trainable", "layers"),
    [
        ("all", [f"convolution_{number}" for number in range(1, 9)]),
        ("none", []),
        ("from convolution_1", [f"convolution_{number}" for number in range(1, 9)]),
        ("from convolution_7", ["convolution_7", "convolution_8"]),
    ],
)
def test_trainable_selects_layers(trainable: str, layers: list[str]) -> None:
    backbone = backbone_of(tower_of("cnn2", trainable=trainable))
    expected = [weight.path for name in layers for weight in backbone.get_layer(name).weights]
    assert [weight.path for weight in backbone.trainable_weights] == expected
    assert len(expected) == 2 * len(layers)


def test_trainable_selects_layers_of_keras_backbones() -> None:
    backbone = backbone_of(tower_of("vgg16", trainable="from block5_conv2"))
    trained = [layer.name for layer in backbone.layers if layer.trainable_weights]
    assert trained == ["block5_conv2", "block5_conv3"]


@pytest.mark.parametrize("name", ["simple_cnn", "cnn2", "advanced_cnn"])
def test_layers_have_the_same_names_in_every_model(name: str) -> None:
    """`from LAYER` must mean the same in a process that built other models before."""
    first, second = (TOWERS[name].backbone(SIZE, TowerConfig(name)) for _ in range(2))  # type: ignore[arg-type]
    names = [[layer.name for layer in model.layers if layer.weights] for model in (first, second)]
    assert names[0] == names[1] != []


@pytest.mark.parametrize(
    "trainable", ["some", "from nowhere", "from", "until convolution_2", "convolution_2"]
)
def test_unknown_layer_is_an_error(trainable: str) -> None:
    with pytest.raises(UserError) as raised:
        tower_of("simple_cnn", trainable=trainable)
    message = str(raised.value)
    assert message.startswith(
        "tower.trainable: expected all, none or `from LAYER` with one of the backbone's layers (convolution_1"
    )
    assert message.endswith(f"; got {trainable}")


def test_too_small_images_are_an_error() -> None:
    with pytest.raises(UserError) as raised:
        tower_of("inceptionv3", 74)
    assert str(raised.value) == "images.size: expected at least 75 pixels with inceptionv3; got 74"


def statistics(tower: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in tower.non_trainable_weights]


def test_batch_statistics_change_only_without_pretrained_weights(
    mobilenet: tuple[keras.Model, keras.Model],
) -> None:
    """Pretrained statistics are better than those of a small data set; from scratch they are estimated."""
    fresh = tower_of("advanced_cnn")
    before = statistics(fresh)
    in_training = np.asarray(fresh(PIXELS, training=True))
    moved = [not np.array_equal(old, new) for old, new in zip(before, statistics(fresh), strict=True)]
    assert all(moved)
    assert not np.allclose(in_training, fresh(PIXELS, training=False), rtol=1e-3)

    _, pretrained = mobilenet
    before = statistics(pretrained)
    in_training = np.asarray(pretrained(PIXELS, training=True))
    assert_equal(statistics(pretrained), before)
    np.testing.assert_array_equal(in_training, pretrained(PIXELS, training=False))
