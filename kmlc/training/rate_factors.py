"""Factors of the learning rate: pretrained towers may learn slower than a fresh head."""

from collections.abc import Iterator

import keras
import numpy as np

from kmlc.config import TrainConfig
from kmlc.models.image.tower import BACKBONE, LAYER
from kmlc.models.mlp import LAYER as MLP
from kmlc.models.text.bert import BACKBONE as ENCODER

LEVELS = 12
"""The most levels of an image tower: as many as a base Transformer has layers, so that the same decay means
about the same for both."""


def rate_factors(model: keras.Model, config: TrainConfig) -> list[float]:
    """Return the factor of the learning rate of each trainable weight of a model.

    It is 1 for the head, `image_rate` for the image tower and `caption_rate` for the caption encoder, there
    times `layer_decay` to the power of the level, counted from the top, which is 1 (as for BEiT, Bao et al.,
    ICLR 2022; Clark et al., ICLR 2020, count the top of ELECTRA as 2). A level of a BERT is a Transformer
    layer, and below them the embeddings. The layers with weights of an image tower, in order, are divided
    evenly into at most 12 levels.

    Args:
        model: as `kmlc.models.build.build_model` returns it.
        config: the settings.

    Example:
        factors = rate_factors(model, TrainConfig(caption_rate=0.1, layer_decay=0.9))
        table = {weight.path: factor for weight, factor in zip(model.trainable_weights, factors)}
    """
    factors: dict[int, float] = {}
    for rate, levels in _towers(model, config):
        for depth, level in enumerate(reversed(levels), start=1):
            for layer in level:
                factors |= dict.fromkeys(map(id, layer.weights), rate * config.layer_decay**depth)
    return [factors.get(id(weight), 1.0) for weight in model.trainable_weights]


def _towers(
    model: keras.Model, config: TrainConfig
) -> Iterator[tuple[float, list[list[keras.layers.Layer]]]]:
    """Yield the rate and the levels, from the input to the top, of each tower that a model has."""
    for layer in model.layers:
        if layer.name == LAYER:
            yield config.image_rate, _even_levels(layer.model.get_layer(BACKBONE).model)
        elif layer.name == MLP:
            yield config.image_rate, _even_levels(layer)
        elif layer.name == ENCODER:
            yield config.caption_rate, _transformer_levels(layer.model)


def _even_levels(tower: keras.Model) -> list[list[keras.layers.Layer]]:
    layers = [layer for layer in tower.layers if layer.weights]
    groups = np.array_split(np.arange(len(layers)), min(len(layers), LEVELS))
    return [[layers[place] for place in group] for group in groups]


def _transformer_levels(encoder: keras.Model) -> list[list[keras.layers.Layer]]:
    """Return the layers before the first Transformer layer as one level, then each of those."""
    from keras_hub.layers import TransformerEncoder  # takes a second

    levels: list[list[keras.layers.Layer]] = [[]]
    for layer in encoder.layers:
        if isinstance(layer, TransformerEncoder):
            levels.append([layer])
        else:
            levels[-1].append(layer)
    return levels
