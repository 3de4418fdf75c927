"""Every image tower against known sizes, Keras's own preprocessing and Keras's own use of weights."""

import itertools
from collections.abc import Callable
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
from kmlc.models.image.tower import BACKBONE, Preprocess, Tower, image_tower, load_tower_weights

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
    """Give every weight a value of its own: also what begins as zeros or ones, such as BatchNorm's."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        value = np.asarray(variable)
        noise = rng.uniform(0.5, 1.5, value.shape)
        varied = value * noise if value.any() else noise - 1
        variable.assign(varied.astype(value.dtype))


def convolution(size: int, inputs: int, outputs: int, bias: bool) -> int:
    return size * size * inputs * outputs + bias * outputs


def normalised(size: int, inputs: int, outputs: int) -> tuple[int, int]:
    """All and trainable parameters of a convolution without bias and its BatchNorm."""
    weights = convolution(size, inputs, outputs, bias=False)
    return weights + 4 * outputs, weights + 2 * outputs


def residual_network() -> tuple[int, int]:
    """Stem, then stages of two blocks of two 3x3 convolutions, 1x1 shortcuts from the second stage on."""
    parts = [normalised(7, 3, 64)]
    for inputs, outputs in ((64, 64), (64, 128), (128, 256), (256, 512)):
        parts += [normalised(3, inputs, outputs)] + 3 * [normalised(3, outputs, outputs)]
        parts += [normalised(1, inputs, outputs)] if inputs != outputs else []
    return sum(whole for whole, _ in parts), sum(trained for _, trained in parts)


def deeper_network() -> int:
    widths = [3, 32, 32, 64, 64, 128, 128, 256, 256]
    return sum(convolution(3, *pair, bias=True) for pair in itertools.pairwise(widths))


@pytest.mark.parametrize(
    ("name", "parameters", "trained"),
    [
        ("simple_cnn", 258_624, 258_624),
        ("cnn2", 1_172_256, 1_172_256),
        ("advanced_cnn", 11_186_112, 11_176_512),
        ("resnet18", 11_186_112, 11_176_512),
        ("vgg16", 14_714_688, 14_714_688),
        ("resnet50", 23_587_712, 23_534_592),
        ("inceptionv3", 21_802_784, 21_768_352),
        ("efficientnetb0", 4_049_571, 4_007_548),
        ("efficientnetb4", 17_673_823, 17_548_616),
        ("mobilenetv2", 2_257_984, 2_223_872),
        ("convnext_tiny", 27_820_128, 27_820_128),
    ],
)
def test_parameters(name: str, parameters: int, trained: int) -> None:
    tower = image_tower(TOWERS[name], max(SIZE, TOWERS[name].smallest), TowerConfig(name))  # type: ignore[arg-type]
    assert tower.count_params() == parameters
    assert sum(np.prod(weight.shape) for weight in tower.trainable_weights) == trained


def test_parameters_counted_by_hand() -> None:
    """The AdvancedCNN comes to ResNet-18's numbers, because system 3 describes its very layers."""
    assert residual_network() == (11_186_112, 11_176_512)
    assert sum(convolution(5, *pair, bias=True) for pair in ((3, 32), (32, 64), (64, 128))) == 258_624
    assert deeper_network() == 1_172_256


def test_the_advanced_cnn_goes_down_in_steps() -> None:
    """Stride 2 in the stem, the pool and from the second stage on: 224 pixels become 7 positions a side."""
    backbone = TOWERS["advanced_cnn"].backbone(224, TowerConfig("advanced_cnn"))
    sides = [backbone.get_layer(f"stage_{stage}_block_2_convolution_2").output.shape for stage in range(1, 5)]
    assert sides == [(None, 56, 56, 64), (None, 28, 28, 128), (None, 14, 14, 256), (None, 7, 7, 512)]


@pytest.mark.parametrize(
    ("name", "preprocess_input"),
    [
        ("vgg16", applications.vgg16.preprocess_input),
        ("resnet50", applications.resnet.preprocess_input),
        ("inceptionv3", applications.inception_v3.preprocess_input),
        ("mobilenetv2", applications.mobilenet_v2.preprocess_input),
        ("convnext_tiny", applications.convnext.preprocess_input),
    ],
)
def test_preprocessing_is_that_of_keras(
    name: str, preprocess_input: Callable[[np.ndarray], np.ndarray]
) -> None:
    found = Preprocess(TOWERS[name].preprocessing)(PIXELS)
    np.testing.assert_allclose(found, preprocess_input(PIXELS.copy()), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "simple_cnn", "cnn2", "efficientnetb0"])
def test_preprocessing_is_that_of_torchvision(name: str) -> None:
    """An EfficientNet does a part of it in its own layers, the second of which normalises."""
    found = Preprocess(TOWERS[name].preprocessing)(PIXELS)
    if name == "efficientnetb0":
        backbone = TOWERS[name].backbone(SIZE, TowerConfig(name))  # type: ignore[arg-type]
        found = keras.Model(backbone.input, backbone.get_layer(index=2).output)(found)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(found, (PIXELS / 255 - mean) / deviation, atol=1e-5)


@pytest.mark.parametrize("name", ["hybrid", "advanced_cnn"])
def test_preprocessing_to_one_either_way(name: str) -> None:
    found = Preprocess(TOWERS[name].preprocessing)(PIXELS)
    np.testing.assert_allclose(found, PIXELS / 127.5 - 1, atol=1e-6)


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, keras.Model]:
    """A bare MobileNetV2 with random weights, and a tower that got them from its file."""
    model = applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3)
    )
    randomise(model)
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    model.save_weights(path)
    return model, tower_of("mobilenetv2", weights=str(path))


def test_a_file_of_the_backbone_is_loaded(mobilenet: tuple[keras.Model, keras.Model]) -> None:
    model, tower = mobilenet
    assert_equal(values(tower), values(model))
    expected = model(PIXELS / 127.5 - 1, training=False)
    np.testing.assert_allclose(tower(PIXELS), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def keras_efficientnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A file as Keras's ImageNet weights are, and the vectors of Keras's model that loaded it as those.

    As in Keras's files, what is called a variance is ImageNet's standard deviation.
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
def test_an_efficientnet_sees_what_it_sees_in_keras(
    weights: str, keras_efficientnet: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras takes the root of the deviation only with `weights="imagenet"`; the tower must not depend on it.

    A copy of weights, as `imagenet` makes it, left Keras's Normalization with the constants of before.
    """
    path, expected = keras_efficientnet
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
    tower = tower_of("efficientnetb0", weights=str(path) if weights == "file" else weights)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(tower(PIXELS), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("imagenet", [True, False])
def test_a_file_of_an_efficientnet_must_hold_what_preprocessing_counts_on(
    imagenet: bool, tmp_path: Path
) -> None:
    """One that was made with `weights=None` holds 0 and 1, and saw other pixels than it would here."""

    def backbone(size: int, config: TowerConfig) -> keras.Model:
        inputs = keras.Input((size, size, 3))
        normalised = layers.Normalization()(inputs)
        return keras.Model(inputs, layers.GlobalAveragePooling2D()(normalised))

    model, path = backbone(SIZE, TowerConfig()), tmp_path / "made.weights.h5"
    if imagenet:
        model.layers[1].adapt_mean.assign([0.485, 0.456, 0.406])
        model.layers[1].adapt_variance.assign([0.229, 0.224, 0.225])
    model.save_weights(path)
    tower, config = Tower(backbone, "efficientnet"), TowerConfig("efficientnetb0", weights=str(path))
    model = image_tower(tower, SIZE, config)
    if imagenet:
        load_tower_weights(model, tower, config)
    else:
        with pytest.raises(UserError, match=r"made\.weights\.h5: expected ImageNet's mean and deviation"):
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
        ("simple_cnn", "broken.weights.h5", r"broken\.weights\.h5: does not fit simple_cnn \("),
        ("simple_cnn", "other.weights.h5", r"other\.weights\.h5: does not fit simple_cnn \("),
        (
            "simple_cnn",
            "imagenet",
            r"expected none or a file, as simple_cnn has no ImageNet weights; got imagenet$",
        ),
        ("hybrid", "imagenet", r"expected none or a file, as hybrid has no ImageNet weights; got imagenet$"),
    ],
)
def test_weights_that_cannot_be_had(
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
def test_a_download_that_fails_is_one_line(error: Exception) -> None:
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
def test_what_is_trained(trainable: str, layers: list[str]) -> None:
    backbone = backbone_of(tower_of("cnn2", trainable=trainable))
    expected = [weight.path for name in layers for weight in backbone.get_layer(name).weights]
    assert [weight.path for weight in backbone.trainable_weights] == expected
    assert len(expected) == 2 * len(layers)


def test_what_is_trained_of_a_backbone_of_keras() -> None:
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
def test_what_is_trained_must_be_there(trainable: str) -> None:
    with pytest.raises(UserError) as raised:
        tower_of("simple_cnn", trainable=trainable)
    message = str(raised.value)
    assert message.startswith(
        "tower.trainable: expected all, none or `from LAYER` with one of the backbone's layers (convolution_1"
    )
    assert message.endswith(f"; got {trainable}")


def test_images_that_are_too_small() -> None:
    with pytest.raises(UserError) as raised:
        tower_of("inceptionv3", 74)
    assert str(raised.value) == "images.size: expected at least 75 pixels with inceptionv3; got 74"


def statistics(tower: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in tower.non_trainable_weights]


def test_statistics_move_from_scratch_and_stay_with_weights(
    mobilenet: tuple[keras.Model, keras.Model],
) -> None:
    """A small data set would only spoil pretrained statistics; from scratch they must be learnt."""
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
