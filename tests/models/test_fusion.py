"""Fusions against NumPy, with the model's own weights."""

from typing import Any

import keras
import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, FusionConfig, ImagesConfig, TowerConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.errors import UserError
from kmlc.models.branch import Branch
from kmlc.models.build import build_model
from kmlc.models.fusion import FUSIONS, MixLogits

CLASSES, ROWS = 3, 5
RNG = np.random.default_rng(0)
IMAGE, CAPTION = RNG.normal(size=(ROWS, 4)), RNG.normal(size=(ROWS, 2))
PRESENT = np.ones((ROWS, 1), np.int32)
SOME = np.array([[1], [0], [1], [0], [1]], np.int32)


def fused(name: str, branches: int = 2, **settings: Any) -> keras.Model:
    """A model that maps branch embeddings and presence masks to logits."""
    names = ["image", "caption"][:branches]
    vectors = [keras.Input((values.shape[1],)) for values in (IMAGE, CAPTION)[:branches]]
    present = [keras.Input((1,), dtype="int32") for _ in names]
    inputs = [Branch(*each) for each in zip(names, vectors, present, strict=True)]
    logits = FUSIONS[name](inputs, {"labels": CLASSES}, FusionConfig(name, **settings))  # type: ignore[arg-type]
    model = keras.Model([*vectors, *present], logits)
    for weight in model.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    return model


def dense(layer: keras.layers.Dense, values: np.ndarray) -> np.ndarray:
    kernel, bias = layer.get_weights()
    return values @ kernel + bias


def two_layers(head: keras.Model, values: np.ndarray) -> np.ndarray:
    return dense(head.get_layer("labels"), np.maximum(dense(head.get_layer("hidden"), values), 0))


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def test_concat_sets_missing_modalities_to_zero() -> None:
    model = fused("concat", hidden_dim=6)
    head = model.get_layer("head").model
    for image, caption in ((PRESENT, PRESENT), (PRESENT, SOME), (SOME, PRESENT), (SOME, SOME)):
        expected = two_layers(head, np.hstack([IMAGE * image, CAPTION * caption]))
        np.testing.assert_allclose(model([IMAGE, CAPTION, image, caption]), expected, rtol=1e-4, atol=1e-5)


def test_join_keeps_embeddings_as_they_are() -> None:
    model = fused("join", hidden_dim=6)
    expected = two_layers(model.get_layer("head").model, np.hstack([IMAGE, CAPTION]))
    np.testing.assert_allclose(model([IMAGE, CAPTION, SOME, 1 - SOME]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list(FUSIONS))
def test_single_branch_is_a_plain_head(name: str) -> None:
    model = fused(name, branches=1, hidden_dim=6)
    expected = two_layers(model.get_layer("head").model, IMAGE)
    np.testing.assert_allclose(model([IMAGE, PRESENT]), expected, rtol=1e-4, atol=1e-5)


def test_without_a_hidden_layer_logits_are_linear() -> None:
    model = fused("concat", hidden_dim=0)
    expected = dense(model.get_layer("head").model.get_layer("labels"), np.hstack([IMAGE, CAPTION]))
    np.testing.assert_allclose(model([IMAGE, CAPTION, PRESENT, PRESENT]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("present", [PRESENT, SOME])
def test_gated_weights_embeddings_by_its_gate(present: np.ndarray) -> None:
    model = fused("gated", hidden_dim=6)
    image = np.tanh(dense(model.get_layer("image_hidden"), IMAGE * present))
    caption = np.tanh(dense(model.get_layer("caption_hidden"), CAPTION))
    gate = sigmoid(dense(model.get_layer("gate"), np.hstack([IMAGE * present, CAPTION])))
    expected = dense(model.get_layer("labels"), gate * image + (1 - gate) * caption)
    np.testing.assert_allclose(model([IMAGE, CAPTION, present, PRESENT]), expected, rtol=1e-4, atol=1e-5)


def test_gated_needs_a_hidden_dim() -> None:
    with pytest.raises(UserError, match=r"^fusion\.hidden_dim: expected a whole number above 0 .*; got 0$"):
        fused("gated", hidden_dim=0)


def test_mix_ignores_the_logits_of_a_missing_modality() -> None:
    """A row with both or neither modality is mixed by the weights; a row with one gets its logits."""
    mix = MixLogits("mix")
    first = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], np.float32)
    second = np.array([[-3.0, 6.0]] * 4, np.float32)
    present = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], np.int32)
    mean = [-1.0, 4.0]
    np.testing.assert_array_equal(mix([first, second, present]), [mean, [1, 2], [-3, 6], mean])
    mix.kernel.assign([[0.5, 2.0], [1.0, 0.25]])
    mix.bias.assign([10.0, -1.0])
    weighted = [0.5 * 1 + 1.0 * -3 + 10, 2.0 * 2 + 0.25 * 6 - 1]
    np.testing.assert_array_equal(mix([first, second, present]), [weighted, [1, 2], [-3, 6], weighted])


def test_late_mixes_the_logits_of_two_heads() -> None:
    model = fused("late", hidden_dim=6)
    image = two_layers(model.get_layer("image_head").model, IMAGE)
    caption = two_layers(model.get_layer("caption_head").model, CAPTION)
    kernel, bias = model.get_layer("mix").get_weights()
    expected = kernel[0] * image + kernel[1] * caption + bias
    np.testing.assert_allclose(model([IMAGE, CAPTION, PRESENT, PRESENT]), expected, rtol=1e-4, atol=1e-5)


def test_branch_from_a_run_is_frozen() -> None:
    """No dropout, no update of batch statistics, no trainable weights, while the rest is trained."""
    config = Config(
        images=ImagesConfig(size=8),
        tower=TowerConfig("advanced_cnn", dropout=0.5),
        captions=CaptionsConfig("bigram"),
        fusion=FusionConfig("late", hidden_dim=4, dropout=0.5, image_run="a_run", caption_run="a_run"),
    )
    model = build_model(config, {"labels": CLASSES}, EncoderState())
    assert [weight.path for weight in model.trainable_weights] == ["mix/kernel", "mix/bias"]
    images = RNG.uniform(0, 255, (4, 8, 8, 3)).astype(np.float32)
    inputs = {"image": images, "image_present": PRESENT[:4]}
    inputs |= {"ngrams": np.ones((4, 676), np.float32), "caption_present": PRESENT[:4]}
    before = model.get_weights()
    np.testing.assert_array_equal(model(inputs, training=True), model(inputs, training=False))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def two_branches(fusion: str) -> keras.Model:
    """A model of tiny images and letter pairs with random weights."""
    config = Config(
        images=ImagesConfig(size=8),
        tower=TowerConfig("simple_cnn"),
        captions=CaptionsConfig("bigram"),
        fusion=FusionConfig(fusion, hidden_dim=4),  # type: ignore[arg-type]
    )
    model = build_model(config, {"labels": CLASSES}, EncoderState())
    for weight in model.weights:
        weight.assign(np.random.default_rng(2).normal(scale=0.1, size=weight.shape))
    return model


def random_inputs(rows: int) -> dict[str, Any]:
    return {
        "image": RNG.uniform(0, 255, (rows, 8, 8, 3)).astype(np.float32),
        "ngrams": RNG.integers(0, 2, (rows, 676)).astype(np.float32),
    }


@pytest.mark.parametrize("name", [name for name in FUSIONS if name != "join"])
def test_logits_do_not_depend_on_the_placeholder_of_a_missing_modality(name: str) -> None:
    """Rows with both, without image, without caption, with neither: other placeholders, equal logits."""
    model, first, second = two_branches(name), random_inputs(4), random_inputs(4)
    masks = {
        "image_present": np.array([[1], [0], [1], [0]], np.int32),
        "caption_present": np.array([[1], [1], [0], [0]], np.int32),
    }
    second["image"][[0, 2]] = first["image"][[0, 2]]
    second["ngrams"][[0, 1]] = first["ngrams"][[0, 1]]
    logits = np.asarray(model(first | masks))
    np.testing.assert_array_equal(model(second | masks), logits)
    # Where the modalities are present, the same inputs do make a difference.
    everything = dict.fromkeys(masks, PRESENT[:4])
    differs = np.abs(np.asarray(model(second | everything)) - model(first | everything)).max(axis=1) > 1e-5
    assert differs.tolist() == [False, True, True, True]


def test_join_takes_no_masks() -> None:
    assert set(two_branches("join").input) == {"image", "ngrams"}
    assert set(two_branches("concat").input) == {"image", "ngrams", "image_present", "caption_present"}


def test_late_ignores_a_missing_modality() -> None:
    model, inputs = two_branches("late"), random_inputs(3)
    image = np.asarray(model.get_layer("image_head")(model.get_layer("image_tower")(inputs["image"])))
    caption = np.asarray(model.get_layer("caption_head")(inputs["ngrams"]))
    kernel, bias = model.get_layer("mix").get_weights()
    mixed = kernel[0] * image + kernel[1] * caption + bias
    inputs["image_present"] = np.array([[1], [0], [1]], np.int32)
    inputs["caption_present"] = np.array([[1], [1], [0]], np.int32)
    logits = np.asarray(model(inputs))
    np.testing.assert_allclose(logits[0], mixed[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits[1], caption[1], rtol=1e-6)
    np.testing.assert_allclose(logits[2], image[2], rtol=1e-6)
