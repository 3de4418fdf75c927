"""The small dense network of system 5, over feature vectors."""

import keras
from keras import layers

from kmlc.config import TowerConfig
from kmlc.errors import UserError


def mlp(width: int, config: TowerConfig) -> keras.Model:
    """Return dense layers with ReLU, each followed by batch normalisation and dropout.

    As published, 128 values with dropout 0.4, then 64 with dropout 0.3.

    Args:
        width: the number of features.
        config: `hidden_dims`, `dropouts`, `batch_norm`.

    Returns:
        A model from feature vectors (batch, width) to embeddings (batch, last of `hidden_dims`).

    Raises:
        UserError: if the number of dropout rates is not the number of dense layers.

    Example:
        mlp(20, TowerConfig("mlp")).count_params()  # 11,712
    """
    if len(config.dropouts) != len(config.hidden_dims):
        raise UserError(
            f"tower.dropouts: expected {len(config.hidden_dims)} numbers, one for each of tower.hidden_dims; "
            f"got {len(config.dropouts)}"
        )
    features = keras.Input((width,))
    x = features
    for units, rate in zip(config.hidden_dims, config.dropouts, strict=True):
        x = layers.Dense(units, activation="relu")(x)
        if config.batch_norm:
            x = layers.BatchNormalization()(x)
        x = layers.Dropout(rate)(x)
    return keras.Model(features, x, name="mlp")
