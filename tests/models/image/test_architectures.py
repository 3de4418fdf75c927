"""Parameters of every image tower, and its preprocessing against Keras and torchvision."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import applications

from kmlc.config import TowerConfig
from kmlc.models.image import TOWERS
from kmlc.models.image.tower import Preprocess, image_tower

SIZE = 32
PIXELS = np.random.default_rng(0).uniform(0, 255, (4, SIZE, SIZE, 3)).astype(np.float32)


def convolution(size: int, inputs: int, outputs: int, bias: bool) -> int:
    return size * size * inputs * outputs + bias * outputs


def normalised(size: int, inputs: int, outputs: int) -> tuple[int, int]:
    """All and trainable parameters of a convolution without bias and its BatchNorm."""
    weights = convolution(size, inputs, outputs, bias=False)
    return weights + 4 * outputs, weights + 2 * outputs


def residual_network() -> tuple[int, int]:
    """Stem, four stages of two blocks of two 3x3 convolutions, 1x1 shortcuts in stages 2 to 4."""
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
def test_parameter_counts(name: str, parameters: int, trained: int) -> None:
    tower = image_tower(TOWERS[name], max(SIZE, TOWERS[name].smallest), TowerConfig(name))  # type: ignore[arg-type]
    assert tower.count_params() == parameters
    assert sum(np.prod(weight.shape) for weight in tower.trainable_weights) == trained


def test_parameters_counted_by_hand() -> None:
    """AdvancedCNN has the parameters of ResNet-18, because system 3 describes the same layers."""
    assert residual_network() == (11_186_112, 11_176_512)
    assert sum(convolution(5, *pair, bias=True) for pair in ((3, 32), (32, 64), (64, 128))) == 258_624
    assert deeper_network() == 1_172_256


def test_advanced_cnn_halves_its_feature_maps() -> None:
    """Stride 2 in stem, pooling and stages 2 to 4: 224 pixels become a feature map of 7x7."""
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
    """An EfficientNet normalises in its second layer."""
    found = Preprocess(TOWERS[name].preprocessing)(PIXELS)
    if name == "efficientnetb0":
        backbone = TOWERS[name].backbone(SIZE, TowerConfig(name))  # type: ignore[arg-type]
        found = keras.Model(backbone.input, backbone.get_layer(index=2).output)(found)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(found, (PIXELS / 255 - mean) / deviation, atol=1e-5)


@pytest.mark.parametrize("name", ["hybrid", "advanced_cnn"])
def test_preprocessing_scales_to_minus_one_to_one(name: str) -> None:
    found = Preprocess(TOWERS[name].preprocessing)(PIXELS)
    np.testing.assert_allclose(found, PIXELS / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("name", ["hybrid", "simple_cnn", "cnn2", "advanced_cnn"])
def test_pooling_before_relu_equals_the_published_order_bit_for_bit(name: str) -> None:
    """A maximum of ReLUs is the ReLU of the maximum, and so are the gradients, ties at zero included."""
    backbone = TOWERS[name].backbone(32, TowerConfig(name))  # type: ignore[arg-type]
    published = _relu_before_pooling(backbone)
    images = np.random.default_rng(1).uniform(-1, 1, (3, 32, 32, 3)).astype(np.float32)
    images[:, :, 20:] = 0
    found, expected = (_output_and_gradients(model, images) for model in (backbone, published))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(found) == 1 + len(backbone.trainable_weights)


def _relu_before_pooling(model: keras.Model) -> keras.Model:
    """Return the model, with its layers and weights, where a ReLU precedes each pooling and none follows."""
    after: set[str] = set()

    def call(layer: keras.Layer, *args: object, **kwargs: object) -> object:
        if isinstance(layer, keras.layers.MaxPooling2D):
            (following,) = (node.operation for node in layer._outbound_nodes)
            after.add(following.name)
            return layer(keras.ops.relu(*args))
        return args[0] if layer.name in after else layer(*args, **kwargs)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


def _output_and_gradients(model: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        output = model(images)
        loss = tf.reduce_sum(output**2)
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    return [np.asarray(each) for each in (output, *gradients)]


@pytest.mark.parametrize("name", ["mobilenetv2", pytest.param("efficientnetb0", marks=pytest.mark.slow)])
def test_avg_max_is_the_mean_and_the_maximum_of_the_same_map(name: str) -> None:
    config = TowerConfig(name, pooling="avg_max")  # type: ignore[arg-type]
    both = TOWERS[name].backbone(64, config)
    mean = TOWERS[name].backbone(64, replace(config, pooling="avg"))
    mean.set_weights(both.get_weights())
    images = np.random.default_rng(2).uniform(-1, 1, (3, 64, 64, 3)).astype(np.float32)
    found = both.predict_on_batch(images)
    features = keras.Model(both.input, both.layers[-4].output).predict_on_batch(images)
    assert features.ndim == 4
    assert found.shape == (3, 2 * features.shape[-1])
    np.testing.assert_allclose(found[:, : features.shape[-1]], mean.predict_on_batch(images), atol=1e-6)
    np.testing.assert_allclose(found[:, features.shape[-1] :], features.max(axis=(1, 2)), atol=1e-6)
