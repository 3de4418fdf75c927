"""The small dense network of system 5, over feature vectors."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from kmlc.config import TowerConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.errors import UserError

LAYER = "mlp"
"""Name of the network's layer in a model."""
FARTHEST = 1000.0
"""Largest standardised feature, in standard deviations: sums of larger ones can overflow in float16."""


def mlp(state: EncoderState, config: TowerConfig) -> keras.Model:
    """Return dense layers with ReLU, each followed by batch normalisation and dropout.

    As published, 128 values with dropout 0.4, then 64 with dropout 0.3. Features are standardised first.

    Args:
        state: the statistics of the features.
        config: `hidden_dims`, `dropouts`, `batch_norm`.

    Returns:
        A model from feature vectors (batch, width) to embeddings (batch, last of `hidden_dims`).

    Raises:
        UserError: if the number of dropout rates is not the number of dense layers.

    Example:
        state = EncoderState(feature_means=(0.0,) * 20, feature_deviations=(1.0,) * 20)
        mlp(state, TowerConfig("mlp")).count_params()  # 11,712
    """
    if len(config.dropouts) != len(config.hidden_dims):
        raise UserError(
            f"tower.dropouts: expected {len(config.hidden_dims)} numbers, one for each of tower.hidden_dims; "
            f"got {len(config.dropouts)}"
        )
    features = keras.Input((len(state.feature_means),))
    x = Standardize(state.feature_means, state.feature_deviations)(features)
    for units, rate in zip(config.hidden_dims, config.dropouts, strict=True):
        x = layers.Dense(units, activation="relu")(x)
        if config.batch_norm:
            x = layers.BatchNormalization()(x)
        x = layers.Dropout(rate)(x)
    return keras.Model(features, x, name=LAYER)


class Standardize(layers.Layer):
    """Standardises features in float32, whatever the precision of the model.

    Args:
        means: the mean of each feature.
        deviations: the standard deviation of each feature; one with 0 is 0 in every row.

    Call arguments:
        features: float32 (batch, features).
    """

    def __init__(self, means: Sequence[float], deviations: Sequence[float]) -> None:
        # With the policy of a 16-bit model the features would be cast before, and overflow.
        super().__init__(dtype="float32", name="standardize")
        self.means = np.array(means, np.float32)
        deviation = np.array(deviations, np.float32)
        # Processors may take smaller numbers for 0.
        self.varies = deviation >= np.finfo(np.float32).tiny
        self.deviations = np.where(self.varies, deviation, np.float32(1))

    def call(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Return the standardised features, float32 (batch, features)."""
        scaled = ops.clip((features - self.means) / self.deviations, -FARTHEST, FARTHEST)
        return ops.where(self.varies, scaled, 0.0)
