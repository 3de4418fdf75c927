"""The factor of each weight of tiny models, against tables made by hand."""

import keras
import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, FusionConfig, ImagesConfig, TowerConfig, TrainConfig
from kmlc.data.encoder_state import SPECIAL_TOKENS, EncoderState
from kmlc.models.boundary import split
from kmlc.models.build import build_model
from kmlc.training.rate_factors import rate_factors

STATE = EncoderState((*SPECIAL_TOKENS, "dog"), feature_means=(0.0,) * 5, feature_deviations=(1.0,) * 5)
CAPTIONS = CaptionsConfig(layers=2, heads=2, hidden_dim=8, feedforward_dim=8, sequence_length=6)
TRAIN = TrainConfig(image_rate=0.5, caption_rate=0.1, layer_decay=0.8)


def build(tower: TowerConfig, captions: CaptionsConfig = CAPTIONS, fusion: str = "concat") -> keras.Model:
    sizes = {"images": ImagesConfig(size=32), "fusion": FusionConfig(fusion, hidden_dim=4)}  # type: ignore[arg-type]
    return build_model(Config(tower=tower, captions=captions, **sizes), {"labels": 3}, STATE)  # type: ignore[arg-type]


def factor_of_layers(model: keras.Model, config: TrainConfig) -> dict[str, float]:
    """The factor of each layer, by the name of the layer that holds the weights."""
    factors: dict[str, set[float]] = {}
    for weight, factor in zip(model.trainable_weights, rate_factors(model, config), strict=True):
        path = weight.path.split("/")
        name = next((part for part in path if part.startswith("transformer_layer")), path[-2])
        factors.setdefault(name, set()).add(round(factor, 12))
    return {name: each.pop() for name, each in factors.items() if len(each) == 1}


def test_a_bert_and_a_cnn() -> None:
    """Two Transformer layers and the embeddings, three convolutions: levels 1, 2 and 3 from the top."""
    table = factor_of_layers(build(TowerConfig("simple_cnn")), TRAIN)
    towers = {
        "transformer_layer_1": 0.1 * 0.8,
        "transformer_layer_0": 0.1 * 0.64,
        "embeddings_layer_norm": 0.1 * 0.512,
        "token_embedding": 0.1 * 0.512,
        "position_embedding": 0.1 * 0.512,
        "segment_embedding": 0.1 * 0.512,
        "convolution_3": 0.5 * 0.8,
        "convolution_2": 0.5 * 0.64,
        "convolution_1": 0.5 * 0.512,
    }
    assert {name: table[name] for name in towers} == pytest.approx(towers)
    assert {table[name] for name in table.keys() - towers.keys()} == {1}


def test_many_layers_are_twelve_levels() -> None:
    """ResNet-18 has 40 layers with weights: four groups of four, then eight of three."""
    model = build(TowerConfig("resnet18"), CaptionsConfig("none"))
    backbone = model.get_layer("image_tower").model.get_layer("backbone").model
    weighty = [layer for layer in backbone.layers if layer.weights]
    assert len(weighty) == 40
    of_weight = dict(zip(map(id, model.trainable_weights), rate_factors(model, TRAIN), strict=True))
    levels = [*np.repeat(range(12, 8, -1), 4), *np.repeat(range(8, 0, -1), 3)]
    for layer, level in zip(weighty, levels, strict=True):
        assert {of_weight[id(weight)] for weight in layer.trainable_weights} == {0.5 * 0.8**level}


def test_feature_vectors_have_the_rate_of_images() -> None:
    model = build(TowerConfig("mlp", batch_norm=False), CaptionsConfig("none"))
    factors = rate_factors(model, TRAIN)
    assert factors == pytest.approx([0.5 * 0.64] * 2 + [0.5 * 0.8] * 2 + [1.0] * 4)


@pytest.mark.parametrize("fusion", ["concat", "late"])
def test_without_settings_every_factor_is_1(fusion: str) -> None:
    model = build(TowerConfig("simple_cnn"), fusion=fusion)
    assert rate_factors(model, TrainConfig()) == [1.0] * len(model.trainable_weights)


def test_a_split_model_trains_the_same_weights() -> None:
    """Where the first layers are frozen, the rest has the weights of the whole model and their factors."""
    model = build(TowerConfig("simple_cnn", weights="imagenet", trainable="from convolution_3"))
    parts, rest = split(model)
    assert parts
    assert {id(weight) for weight in rest.trainable_weights} == {id(each) for each in model.trainable_weights}
    assert factor_of_layers(model, TRAIN)["convolution_3"] == pytest.approx(0.4)
