from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, FusionConfig, ImagesConfig, TowerConfig
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState
from kmlc.errors import UserError
from kmlc.models.boundary import split
from kmlc.models.build import build_model
from kmlc.models.submodel import constants

STATE = EncoderState((*SPECIAL_TOKENS, "a", "dog", "bus"))
CAPTIONS = CaptionsConfig(
    layers=1, heads=2, hidden_dim=8, feedforward_dim=8, sequence_length=6, trainable=False
)
TINY = Config(
    images=ImagesConfig(size=32),
    tower=TowerConfig("simple_cnn", trainable="none", dropout=0.5),
    captions=CAPTIONS,
    fusion=FusionConfig(hidden_dim=8),
)
ROWS = 4


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def model_of(tower: TowerConfig = TINY.tower, **settings: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model(replace(TINY, tower=tower, **settings), {"labels": 3}, STATE)


def inputs_of(model: keras.Model) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    inputs = {}
    for tensor in model.inputs:
        shape = (ROWS, *(size or 6 for size in tensor.shape[1:]))  # captions have no fixed length
        high = 256 if tensor.name == "image" else 2
        inputs[tensor.name] = rng.integers(0, high, shape).astype(tensor.dtype)
    inputs["padding_mask"][:, 0] = 1
    return {name: keras.ops.convert_to_tensor(value) for name, value in inputs.items()}


def logits_in_parts(model: keras.Model, training: bool = False) -> np.ndarray:
    parts, rest = split(model)
    inputs = inputs_of(model)
    values = {part.name: part.model({name: inputs[name] for name in part.model.input}) for part in parts}
    others = {tensor.name: inputs[tensor.name] for tensor in rest.inputs if tensor.name in inputs}
    return np.asarray(rest(values | others, training=training))


@pytest.mark.parametrize("fusion", ["concat", "join", "gated", "late"])
def test_the_parts_together_are_the_whole_model(fusion: str, precision: str) -> None:
    model = model_of(fusion=FusionConfig(fusion, hidden_dim=8))  # type: ignore[arg-type]
    parts, rest = split(model)
    assert [part.modality for part in parts] == ["image", "caption"]
    compute = precision.removeprefix("mixed_")
    assert [(part.model.output.shape, part.model.output.dtype) for part in parts] == [
        ((None, 128), compute),
        ((None, 8), compute),
    ]
    np.testing.assert_array_equal(logits_in_parts(model), np.asarray(model(inputs_of(model))))
    assert {id(each) for each in rest.trainable_variables} == {id(each) for each in model.trainable_variables}


def test_training_goes_on_with_the_same_layers_and_dropout() -> None:
    """The dropout behind the boundary draws from the seeds of the whole model, which a checkpoint holds."""
    model, other = model_of(), model_of()
    np.testing.assert_array_equal(
        logits_in_parts(model, training=True), np.asarray(other(inputs_of(other), training=True))
    )
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(two))


def test_a_tower_that_is_trained_from_a_layer_on(precision: str) -> None:
    model = model_of(TowerConfig("simple_cnn", trainable="from convolution_2"))
    assert [part.modality for part in split(model)[0]] == ["caption"]  # it is not in inference mode
    tower = model.get_layer("image_tower").model
    tower.get_layer("backbone").inference = True  # as with pretrained weights
    parts, _ = split(model)
    assert parts[0].model.output.shape == (None, 16, 16, 32)
    np.testing.assert_array_equal(logits_in_parts(model), np.asarray(model(inputs_of(model))))


def mobilenetv2(first: str) -> keras.Model:
    model = model_of(TowerConfig("mobilenetv2", trainable=f"from {first}"), captions=CaptionsConfig("none"))
    model.get_layer("image_tower").model.get_layer("backbone").inference = True
    return model


def test_block_13_of_mobilenetv2() -> None:
    (part,), _ = split(mobilenetv2("block_13_expand"))
    assert part.model.output.shape == (None, 2, 2, 96)


def test_a_boundary_that_several_tensors_cross_is_refused() -> None:
    with pytest.raises(
        UserError,
        match=r"tower\.trainable: .* 2 cross before block_12_depthwise \(the nearest: from block_12_expand\)",
    ):
        split(mobilenetv2("block_12_depthwise"))


def test_a_model_that_is_trained_as_a_whole_has_no_parts() -> None:
    model = model_of(TowerConfig("efficientnetb0"), captions=replace(CAPTIONS, trainable=True))
    parts, rest = split(model)
    assert parts == []
    assert rest is model
    assert constants(model) == []


def test_a_modality_that_is_not_named_stays_whole() -> None:
    model = model_of()
    parts, rest = split(model, ["caption"])
    assert [part.modality for part in parts] == ["caption"]
    assert "image" in {tensor.name for tensor in rest.inputs}


def test_constants_are_what_training_never_changes() -> None:
    model = model_of()
    frozen = {id(each) for part in split(model)[0] for each in part.model.weights}
    found = {id(each) for each in constants(model)}
    assert frozen <= found
    assert not found & {id(each) for each in model.trainable_variables}
    head = model.get_layer("head").model
    assert not found & {id(each) for each in head.variables}
