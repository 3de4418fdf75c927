from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmlc.config import CaptionsConfig, Config, FusionConfig, ImagesConfig, LossConfig, TowerConfig
from kmlc.data.captions import caption_encoder
from kmlc.errors import UserError
from kmlc.models import image, text
from kmlc.models.build import build_model
from kmlc.models.fusion import FUSIONS
from kmlc.models.image.hybrid import hybrid
from kmlc.models.text.bert import Pool
from kmlc.objectives.losses import build_loss

LEARNT = {
    "vocabulary": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "bus", "##s"],
    "lowercase": True,
}
CLASSES = 3
ROWS = 6

CAPTIONS = CaptionsConfig(layers=1, heads=2, hidden_dim=8, feedforward_dim=8, sequence_length=6, dropout=0)
TINY = Config(
    images=ImagesConfig(size=16),
    tower=TowerConfig(feedforward_dim=8, dropout=0),
    captions=CAPTIONS,
    fusion=FusionConfig(hidden_dim=8, dropout=0),
)

MODELS = {
    f"{tower} {sequence} + {encoder}": replace(
        TINY,
        tower=replace(TINY.tower, name=tower, sequence=sequence),  # type: ignore[arg-type]
        captions=replace(CAPTIONS, encoder=encoder),  # type: ignore[arg-type]
    )
    for tower, sequence, encoder in [
        ("hybrid", "all", "bert"),
        ("hybrid", "last", "trigram"),
        ("hybrid", "all", "bigram"),
        ("hybrid", "all", "none"),
        ("none", "all", "bert"),
        ("none", "all", "bigram"),
    ]
}


def inputs_of(config: Config) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    encode = caption_encoder(config.captions, LEARNT)
    inputs = dict(encode(tf.constant(["a dog", "a bus", "dogs", "", "buses a a a a a a a", "zebra"])))
    if config.tower.name != "none":
        inputs["image"] = tf.constant(rng.uniform(0, 255, (ROWS, 16, 16, 3)), tf.float32)
    return inputs


LABELS = np.random.default_rng(1).integers(0, 2, (ROWS, CLASSES)).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_build_train_save_load(name: str, tmp_path: Path) -> None:
    """The harness for every model: shapes, float32 logits, one step lowers the loss, weights come back."""
    config = MODELS[name]
    inputs = inputs_of(config)
    keras.utils.set_random_seed(0)
    model = build_model(config, CLASSES, LEARNT)
    logits = model(inputs)
    assert set(model.input) == set(inputs)
    assert logits.shape == (ROWS, CLASSES)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"

    loss = build_loss(LossConfig("bce"), LABELS)
    # A small step along the gradient: any other optimizer may overshoot.
    model.compile(keras.optimizers.SGD(0.002), loss, jit_compile=False)
    before = float(loss(LABELS, model(inputs)))
    model.train_on_batch(inputs, LABELS)
    assert float(loss(LABELS, model(inputs))) < before

    model.save_weights(tmp_path / "model.weights.h5")
    keras.utils.set_random_seed(1)
    again = build_model(config, CLASSES, LEARNT)
    assert not np.allclose(again(inputs), model(inputs))
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again(inputs), model(inputs))


def test_every_tower_and_fusion_is_in_the_harness() -> None:
    assert {config.tower.name for config in MODELS.values()} == {"none", *image.TOWERS}
    assert {config.captions.encoder for config in MODELS.values()} == {"none", *text.TOWERS}
    assert {config.fusion.name for config in MODELS.values()} == set(FUSIONS)


def test_the_published_hybrid() -> None:
    """System 2: 128 + 26³ = 17,704 values meet in Linear(17704→1024); every parameter counted by hand."""
    config = Config(
        images=ImagesConfig(size=224),
        tower=TowerConfig("hybrid", sequence="last", norm="after", feedforward_dim=2048),
        captions=CaptionsConfig("trigram"),
        fusion=FusionConfig(hidden_dim=1024),
    )
    model = build_model(config, 18, {})
    assert model.get_layer("join").output.shape == (None, 17_704)
    assert model.get_layer("lstm").input.shape == (None, 28 * 28, 64)
    assert model.get_layer("transformer_1").input.shape == (None, 1, 128)
    convolutions = (3 * 9 * 128 + 128) + (128 * 9 * 64 + 64) + (64 * 9 * 64 + 64)
    lstm = 4 * ((64 + 128) * 128 + 128)
    attention = 4 * (128 * 128 + 128)
    feedforward = (128 * 2048 + 2048) + (2048 * 128 + 128)
    transformer = 2 * (attention + feedforward + 2 * 2 * 128)
    head = (17_704 * 1024 + 1024) + (1024 * 18 + 18)
    assert model.count_params() == convolutions + lstm + transformer + head == 19_547_538


def test_sequence_all_attends_over_every_step() -> None:
    images = keras.Input((32, 32, 3))
    tower = keras.Model(images, hybrid(images, TowerConfig(sequence="all", feedforward_dim=8)))
    assert tower.get_layer("transformer_2").input.shape == (None, 16, 128)
    assert tower.output.shape == (None, 128)


@pytest.mark.parametrize(
    ("pooling", "expected"), [("mean", [2.0, 1.0]), ("max", [3.0, 4.0]), ("first", [1.0, -2.0])]
)
def test_pooling_passes_over_padding(pooling: str, expected: list[float]) -> None:
    tokens = np.array([[[1.0, -2.0], [3.0, 4.0], [99.0, 99.0]]], np.float32)
    mask = np.array([[True, True, False]])
    np.testing.assert_allclose(Pool(pooling)([tokens, mask]), [expected])


def test_padding_does_not_change_a_caption() -> None:
    """A caption's logits are the same alone and beside longer ones."""
    config = MODELS["none all + bert"]
    encode = caption_encoder(config.captions, LEARNT)
    model = build_model(config, CLASSES, LEARNT)
    alone = model(encode(tf.constant(["a dog"])))
    beside = model(encode(tf.constant(["a dog", "a bus a bus a bus"])))[:1]
    np.testing.assert_allclose(alone, beside, atol=1e-6)


def test_a_frozen_encoder_keeps_its_weights() -> None:
    config = replace(TINY, captions=replace(CAPTIONS, trainable=False))
    model = build_model(config, CLASSES, LEARNT)
    before = [np.array(weight) for weight in model.get_layer("bert").get_weights()]
    model.compile("adam", build_loss(LossConfig("bce"), LABELS), jit_compile=False)
    model.train_on_batch(inputs_of(config), LABELS)
    for old, new in zip(before, model.get_layer("bert").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_neither_images_nor_captions() -> None:
    config = replace(TINY, tower=TowerConfig("none"), captions=CaptionsConfig("none"))
    with pytest.raises(UserError, match="a model needs one of the two"):
        build_model(config, CLASSES, {})


def test_mixed_precision_keeps_float32_logits() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(TINY, CLASSES, LEARNT)
    finally:
        keras.config.set_dtype_policy("float32")
    logits = model(inputs_of(TINY))
    assert model.get_layer("hidden").compute_dtype == "float16"
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(logits).all()
