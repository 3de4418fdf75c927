import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmlc.config import CaptionsConfig, Config, FusionConfig, ImagesConfig, LossConfig, TowerConfig
from kmlc.data.caption_encoders import caption_encoder
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState
from kmlc.errors import UserError
from kmlc.models import image, text
from kmlc.models.build import build_model
from kmlc.models.fusion import FUSIONS
from kmlc.models.image.hybrid import hybrid
from kmlc.models.submodel import Submodel
from kmlc.models.text.bert import Pool
from kmlc.objectives.losses import build_loss

STATE = EncoderState(
    (*SPECIAL_TOKENS, "a", "dog", "bus", "##s"),
    feature_means=(0.0,) * 5,
    feature_deviations=(1.0,) * 5,
    terms=("bus", "dog", "dogs"),
    idf=(1.5, 1.0, 2.0),
)
CLASSES = 3
ROWS = 6
HEADS = {"logits": CLASSES}

CAPTIONS = CaptionsConfig(layers=1, heads=2, hidden_dim=8, feedforward_dim=8, sequence_length=6, dropout=0)
TINY = Config(
    images=ImagesConfig(size=16),
    tower=TowerConfig(feedforward_dim=8, transformer_dropout=0),
    captions=CAPTIONS,
    fusion=FusionConfig(hidden_dim=8, dropout=0),
)

# Towers whose training takes long to trace: the default run builds and calls them, and trains the others.
HEAVY = [
    "advanced_cnn",
    "resnet18",
    "resnet50",
    "inceptionv3",
    "efficientnetb0",
    "efficientnetb4",
    "mobilenetv2",
    "convnext_tiny",
]


def settings(tower: str, encoder: str, fusion: str = "concat", **options: Any) -> Config:
    smallest = image.TOWERS[tower].smallest if tower in image.TOWERS else 16
    return replace(
        TINY,
        images=ImagesConfig(size=max(16, smallest)),
        tower=replace(TINY.tower, name=tower, **options),  # type: ignore[arg-type]
        captions=replace(CAPTIONS, encoder=encoder),  # type: ignore[arg-type]
        fusion=replace(TINY.fusion, name=fusion),  # type: ignore[arg-type]
    )


MODELS = {
    "hybrid + bert": settings("hybrid", "bert"),
    "hybrid last + trigram": settings("hybrid", "trigram", sequence="last"),
    "captions alone": settings("none", "bert"),
    "letters alone": settings("none", "bigram"),
    "terms alone": settings("none", "tfidf"),
    "terms": settings("simple_cnn", "tfidf"),
    "join": settings("simple_cnn", "bert", "join"),
    "gated": settings("simple_cnn", "bert", "gated"),
    "late": settings("simple_cnn", "bert", "late"),
    "mlp": settings("mlp", "none", dropouts=[0.0, 0.0]),
} | {name: settings(name, "none") for name in image.TOWERS}


def inputs_of(config: Config) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    encode = caption_encoder(config.captions, STATE)
    captions = tf.constant(["a dog", "a bus", "dogs", "", "buses a a a a a a a", "zebra"])
    inputs = {name: np.asarray(value) for name, value in encode(captions).items()}
    if config.tower.input == "image":
        shape = (ROWS, config.images.size, config.images.size, 3)
        inputs["image"] = rng.uniform(0, 255, shape).astype(np.float32)  # type: ignore[arg-type]
    if config.tower.input == "features":
        inputs["features"] = rng.normal(size=(ROWS, len(STATE.feature_means))).astype(np.float32)
    if config.fusion.reads_presence and config.tower.input == "image":
        inputs["image_present"] = np.array([[1], [1], [0], [1], [0], [1]], np.int32)
    if config.fusion.reads_presence and config.captions.encoder != "none":
        inputs["caption_present"] = np.array([[1], [1], [1], [0], [1], [1]], np.int32)
    return inputs


LABELS = np.random.default_rng(1).integers(0, 2, (ROWS, CLASSES)).astype(np.float32)


@pytest.mark.parametrize("name", HEAVY)
def test_every_model_builds_and_returns_float32_logits(name: str) -> None:
    """Their parameters are counted in tests/models/image/test_architectures.py."""
    model = build_model(MODELS[name], HEADS, STATE)
    logits = np.asarray(model(inputs_of(MODELS[name])))
    assert model.output.shape == (None, CLASSES)
    assert logits.shape == (ROWS, CLASSES)
    assert logits.dtype == keras.backend.standardize_dtype(model.output.dtype) == "float32"
    assert np.isfinite(logits).all()
    assert (logits[0] != logits[1]).any()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in MODELS]
)
def test_every_model_trains_saves_and_loads(name: str, tmp_path: Path) -> None:
    """The harness for every model: shapes, float32 logits, one step lowers the loss, weights are restored."""
    config = MODELS[name]
    inputs = inputs_of(config)
    keras.utils.set_random_seed(0)
    model = build_model(config, HEADS, STATE)
    logits = model(inputs)
    assert set(model.input) == set(inputs)
    assert logits.shape == (ROWS, CLASSES)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"

    loss = build_loss(LossConfig("bce"), LABELS)
    model.compile(keras.optimizers.SGD(), loss, jit_compile=False)
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    initial = [keras.ops.convert_to_numpy(variable) for variable in variables]

    def reset() -> None:
        for variable, value in zip(variables, initial, strict=True):
            variable.assign(value)

    def loss_in_training() -> float:
        """The loss with batch statistics and dropout as in the training step."""
        return float(loss(LABELS, model(inputs, training=True)))

    def loss_after_a_step(rate: float) -> float:
        reset()
        model.optimizer.learning_rate = rate
        model.train_on_batch(inputs, LABELS)
        trained = model.trainable_variables
        for variable, value in zip(variables[len(trained) :], initial[len(trained) :], strict=True):
            variable.assign(value)
        return loss_in_training()

    # A small enough step along the gradient lowers any loss. How small depends on the initial weights: with
    # batch normalisation over six rows the loss is strongly curved, without it the loss may be flat at first.
    # A relative change below 1e-5 may be rounding.
    before = loss_in_training()
    rates = (1e-4, 1e-5, 1e-6, 1e-7, 1e-3, 1e-2)
    assert any(loss_after_a_step(rate) < before * (1 - 1e-5) for rate in rates)

    model.save_weights(tmp_path / "model.weights.h5")
    keras.utils.set_random_seed(1)
    again = build_model(config, HEADS, STATE)
    expected = np.asarray(model(inputs))
    assert not np.allclose(again(inputs), expected)
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again(inputs), expected)


@pytest.mark.slow
def test_harness_on_jax() -> None:
    """Models are made of Keras alone: the same harness passes on another backend."""
    pytest.importorskip("jax", reason="JAX is not installed")
    command = [sys.executable, "-m", "pytest", "-m", "", "-k", "test_build_train_save_load", __file__]
    environment = os.environ | {"KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert f"{len(MODELS)} passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_models_are_built_without_tensorflow() -> None:
    """As on a machine with a GPU and JAX alone, where `benchmarks/gpu.sh` measures them."""
    pytest.importorskip("jax", reason="JAX is not installed")
    code = """
import sys

sys.modules.update({"tensorflow": None, "tensorflow_text": None})
from kmlc.data.encoder_state import EncoderState
from kmlc.models.build import build_model
from kmlc.settings import config_from_flags

for encoder in ("none", "trigram"):
    flags = ["--model=simple_cnn", "--images.size=32", f"--captions.encoder={encoder}"]
    config = config_from_flags(flags)
    print(build_model(config, {"labels": 3}, EncoderState()).output.shape)
"""
    environment = os.environ | {"KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "(None, 3)\n" * 2, done.stderr


def test_every_tower_and_fusion_is_in_the_harness() -> None:
    towers = set(get_args(get_type_hints(TowerConfig)["name"]))
    assert {config.tower.name for config in MODELS.values()} == towers - {"preset"}
    assert towers == {"none", "mlp", "preset", *image.TOWERS}
    assert {config.captions.encoder for config in MODELS.values()} == {"none", *text.TOWERS}
    assert {config.fusion.name for config in MODELS.values()} == set(FUSIONS)


def test_the_hybrid_is_the_published_one() -> None:
    """System 2: 128 + 26³ = 17,704 values meet in Linear(17704→1024); every parameter counted by hand."""
    config = Config(
        images=ImagesConfig(size=224),
        tower=TowerConfig("hybrid", sequence="last", norm="after", feedforward_dim=2048),
        captions=CaptionsConfig("trigram"),
        fusion=FusionConfig("join", hidden_dim=1024),
    )
    model = build_model(config, {"logits": 18}, EncoderState())
    tower = model.get_layer("image_tower").model.get_layer("backbone").model
    assert model.get_layer("join").output.shape == (None, 17_704)
    assert tower.get_layer("lstm").input.shape == (None, 28 * 28, 64)
    assert tower.get_layer("transformer_1").input.shape == (None, 1, 128)
    convolutions = (3 * 9 * 128 + 128) + (128 * 9 * 64 + 64) + (64 * 9 * 64 + 64)
    lstm = 4 * ((64 + 128) * 128 + 128)
    attention = 4 * (128 * 128 + 128)
    feedforward = (128 * 2048 + 2048) + (2048 * 128 + 128)
    transformer = 2 * (attention + feedforward + 2 * 2 * 128)
    head = (17_704 * 1024 + 1024) + (1024 * 18 + 18)
    assert model.count_params() == convolutions + lstm + transformer + head == 19_547_538


def test_sequence_all_attends_over_every_step() -> None:
    tower = hybrid(32, TowerConfig(sequence="all", feedforward_dim=8))
    assert tower.get_layer("transformer_2").input.shape == (None, 16, 128)
    assert tower.output.shape == (None, 128)


@pytest.mark.parametrize(
    ("pooling", "expected"), [("mean", [2.0, 1.0]), ("max", [3.0, 4.0]), ("first", [1.0, -2.0])]
)
def test_pooling_skips_padding(pooling: str, expected: list[float]) -> None:
    tokens = np.array([[[1.0, -2.0], [3.0, 4.0], [99.0, 99.0]]], np.float32)
    mask = np.array([[1, 1, 0]], np.int32)
    np.testing.assert_allclose(Pool(pooling)([tokens, mask]), [expected])


def test_padding_does_not_change_a_caption() -> None:
    """A caption has the same logits alone and in a batch with longer ones."""
    config = MODELS["captions alone"]
    encode = caption_encoder(config.captions, STATE)
    model = build_model(config, HEADS, STATE)

    def logits(*captions: str) -> np.ndarray:
        inputs = {name: np.asarray(value) for name, value in encode(tf.constant(captions)).items()}
        return np.asarray(model(inputs | {"caption_present": np.ones((len(captions), 1), np.int32)}))

    alone, batched = logits("a dog"), logits("a dog", "a bus a bus a bus")[:1]
    np.testing.assert_allclose(alone, batched, atol=1e-6)


def test_a_shorter_batch_has_the_logits_of_the_whole_length() -> None:
    config = replace(MODELS["captions alone"], captions=replace(CAPTIONS, sequence_length=40))
    captions = tf.constant(["a dog", "", "a bus a bus"])
    shorter = caption_encoder(config.captions, STATE)(captions)
    assert shorter["token_ids"].shape == (3, 8)
    longer = {name: tf.pad(value, [[0, 0], [0, 32]]) for name, value in shorter.items()}
    present = {"caption_present": tf.ones((3, 1), tf.int32)}
    model = build_model(config, HEADS, STATE)
    np.testing.assert_allclose(model(shorter | present), model(longer | present), atol=1e-6)


def test_frozen_encoder_keeps_its_weights() -> None:
    config = replace(TINY, captions=replace(CAPTIONS, trainable=False))
    model = build_model(config, HEADS, STATE)
    before = [np.array(weight) for weight in model.get_layer("bert").get_weights()]
    model.compile("adam", build_loss(LossConfig("bce"), LABELS), jit_compile=False)
    model.train_on_batch(inputs_of(config), LABELS)
    for old, new in zip(before, model.get_layer("bert").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_model_without_images_and_captions_is_an_error() -> None:
    config = replace(TINY, tower=TowerConfig("none"), captions=CaptionsConfig("none"))
    with pytest.raises(UserError, match="a model needs one of the two"):
        build_model(config, HEADS, EncoderState())


def test_mixed_precision_keeps_float32_logits() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(TINY, HEADS, STATE)
    finally:
        keras.config.set_dtype_policy("float32")
    logits = model(inputs_of(TINY))
    assert model.get_layer("head").model.get_layer("hidden").compute_dtype == "float16"
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("inference", [False, True])
def test_submodel_in_inference_mode_stays_so_in_training(inference: bool) -> None:
    """Keras 3.15 overrides `training=False` of a nested call: pretrained statistics would drift."""
    inputs = keras.Input((2,))
    normalised = keras.Model(inputs, keras.layers.BatchNormalization()(inputs))
    outer = keras.Input((2,))
    model = keras.Model(outer, Submodel(normalised, inference=inference, name="submodel")(outer))
    values = np.array([[1.0, 5.0], [3.0, 9.0]], np.float32)
    expected = values if inference else [[-1, -1], [1, 1]]
    np.testing.assert_allclose(model(values, training=True), expected, rtol=1e-3)
    statistics = model.get_layer("submodel").model.layers[1].moving_mean
    np.testing.assert_allclose(statistics, [0, 0] if inference else [0.02, 0.07], rtol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("length", [4, None])
def test_submodel_output_spec_matches_its_output(policy: str, length: int | None) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((length, 2))
        submodel = Submodel(
            keras.Model(inputs, keras.layers.Dense(3)(inputs)), inference=False, name="submodel"
        )
    finally:
        keras.config.set_dtype_policy("float32")
    specified, returned = submodel(keras.Input((4, 2))), submodel(np.ones((5, 4, 2), np.float32))
    assert specified.shape == (None, *returned.shape[1:]) == (None, 4, 3)
    assert specified.dtype == keras.backend.standardize_dtype(returned.dtype)
