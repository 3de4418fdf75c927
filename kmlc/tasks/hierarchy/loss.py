"""The loss of two softmax heads over a label hierarchy (system 4)."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kmlc.config import LossConfig
from kmlc.errors import UserError
from kmlc.objectives.losses import balanced_class_weights, class_weights


class HierarchicalCrossEntropy(keras.losses.Loss):
    """The sum of two softmax cross-entropies on logits, one over the superclasses, one over the subclasses.

    A level at which a row's labels are all zero adds nothing to the row's loss: its class there is novel. The
    loss is computed in float32 with `keras.ops`, so it is the same on every Keras backend and under mixed
    precision.

    Args:
        superclasses: the number of superclass columns, the first ones; the others are subclasses.
        class_weights: the weight of a row by its class, shape (S + K,); None weighs all rows equally.
        label_smoothing: s, at both levels: targets become `y·(1-s) + s/C`, C the level's number of classes.

    Call arguments:
        y_true: one-hot labels of both levels, (batch, S + K).
        y_pred: logits, (batch, S + K).

    Example:
        HierarchicalCrossEntropy(superclasses=2)([[1, 0, 1, 0, 0]], [[0.0] * 5])  # log 2 + log 3
    """

    def __init__(
        self,
        superclasses: int,
        class_weights: np.ndarray | None = None,
        label_smoothing: float = 0.0,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.superclasses, self.label_smoothing = superclasses, label_smoothing
        self.class_weights = 1.0 if class_weights is None else np.asarray(class_weights, np.float32)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each row, float32 (batch,)."""
        labels, logits = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        weights = labels * self.class_weights
        split = self.superclasses
        return self._level(labels[:, :split], weights[:, :split], logits[:, :split]) + self._level(
            labels[:, split:], weights[:, split:], logits[:, split:]
        )

    def _level(
        self, labels: keras.KerasTensor, weights: keras.KerasTensor, logits: keras.KerasTensor
    ) -> keras.KerasTensor:
        smoothing = self.label_smoothing
        targets = labels * (1 - smoothing) + smoothing / labels.shape[-1]
        cross_entropy = -ops.sum(targets * ops.log_softmax(logits, axis=-1), axis=-1)
        return ops.sum(weights, axis=-1) * cross_entropy


def build_hierarchy_loss(
    config: LossConfig, labels: np.ndarray, superclasses: int
) -> HierarchicalCrossEntropy:
    """Return the loss with the class weights and the label smoothing of the settings.

    Args:
        config: the settings of the loss.
        labels: one-hot training labels of both levels, shape (rows, S + K), for `balanced` weights.
        superclasses: S.

    Raises:
        UserError: if the settings name another loss, or not one class weight for each class.

    Example:
        build_hierarchy_loss(LossConfig("hierarchical", class_weights="balanced"), labels, superclasses=3)
    """
    if config.name != "hierarchical":
        raise UserError(f"loss.name: expected hierarchical with table.superclass_column; got {config.name}")
    weights = class_weights(config, labels)
    if config.class_weights == "balanced":
        levels = labels[:, :superclasses], labels[:, superclasses:]
        weights = np.concatenate([balanced_class_weights(level) for level in levels])
    return HierarchicalCrossEntropy(superclasses, weights, config.label_smoothing)
