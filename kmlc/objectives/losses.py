"""Multi-label losses on logits, one value for each row.

All compute in float32 with `keras.ops`, so they are equal on every Keras backend and under mixed precision.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kmlc.config import LossConfig
from kmlc.errors import UserError


class ElementwiseLoss(keras.losses.Loss):
    """A loss that is the mean over the classes of an elementwise loss, optionally weighted by class.

    Args:
        class_weights: one factor for each class, shape (classes,); None weights all classes equally.

    Call arguments:
        y_true: multi-hot labels, (batch, classes).
        y_pred: logits, (batch, classes).
    """

    def __init__(self, class_weights: np.ndarray | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)

    def elements(self, labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each label of each row, float32 (batch, classes)."""
        raise NotImplementedError

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each row, float32 (batch,)."""
        losses = self.elements(ops.cast(y_true, "float32"), ops.cast(y_pred, "float32"))
        if self.class_weights is not None:
            losses = losses * self.class_weights
        return ops.mean(losses, axis=-1)


class SigmoidCrossEntropy(ElementwiseLoss):
    """Binary cross-entropy of each label, on logits.

    This is also the multi-label soft margin loss of system 2, PyTorch's MultiLabelSoftMarginLoss: the mean
    over the classes of `-y·log p - (1-y)·log(1-p)`, where p is the sigmoid of the logit.

    Example:
        SigmoidCrossEntropy()([[1, 0]], [[0.0, 0.0]])  # log 2
    """

    def elements(self, labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the cross-entropy of each label."""
        return ops.binary_crossentropy(labels, logits, from_logits=True)


class SmoothedFocalLoss(ElementwiseLoss):
    """System 1's focal loss with label smoothing, on logits.

    `y' = y·(1-s) + s/C`, `bce = BCE(y', logits)`, `p_t = exp(-bce)`, loss `alpha·(1-p_t)^gamma·bce`. It
    differs from Keras's BinaryFocalCrossentropy: p_t is computed from the smoothed cross-entropy, and s is
    divided by the number of classes C.

    Args:
        alpha: factor of the whole loss; system 1 uses `mean_class_alpha` of the training labels.
        gamma: the focusing parameter.
        label_smoothing: s.
        class_weights: one factor for each class, or None.

    Example:
        SmoothedFocalLoss(alpha=1.0, gamma=2.5, label_smoothing=0.1)(labels, logits)
    """

    def __init__(
        self,
        alpha: float,
        gamma: float,
        label_smoothing: float,
        class_weights: np.ndarray | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(class_weights, **arguments)
        self.alpha, self.gamma, self.label_smoothing = alpha, gamma, label_smoothing

    def elements(self, labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the focal loss of each label."""
        smoothing = self.label_smoothing
        targets = labels * (1 - smoothing) + smoothing / labels.shape[-1]
        cross_entropy = ops.binary_crossentropy(targets, logits, from_logits=True)
        return self.alpha * _focused(cross_entropy, self.gamma)


class SigmoidFocalCrossEntropy(ElementwiseLoss):
    """Keras's focal cross-entropy on logits (Lin et al., ICCV 2017), balanced by `positive_weight`.

    Keras calls this weight `alpha` and ignores it unless `apply_class_balancing` is set; here it is always
    applied.

    Args:
        positive_weight: weight of a positive label; a negative label has 1 minus it.
        gamma: the focusing parameter.
        class_weights: one factor for each class, or None.

    Example:
        SigmoidFocalCrossEntropy(positive_weight=0.25, gamma=2.0)(labels, logits)
    """

    def __init__(
        self, positive_weight: float, gamma: float, class_weights: np.ndarray | None = None, **arguments: Any
    ) -> None:
        super().__init__(class_weights, **arguments)
        self.positive_weight, self.gamma = positive_weight, gamma

    def elements(self, labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the focal cross-entropy of each label."""
        weights = labels * self.positive_weight + (1 - labels) * (1 - self.positive_weight)
        cross_entropy = ops.binary_crossentropy(labels, logits, from_logits=True)
        return weights * _focused(cross_entropy, self.gamma)


class AsymmetricLoss(ElementwiseLoss):
    """Asymmetric loss (ASL) on logits: focal loss with a gamma for each side and a margin for negatives.

    From "Asymmetric Loss For Multi-Label Classification" (Ridnik et al., ICCV 2021): with p the sigmoid of
    the logit and `p_m = max(p - margin, 0)`, the loss of a positive label is `-(1-p)^gamma_positive·log p`,
    that of a negative label `-p_m^gamma_negative·log(1-p_m)`. With both gammas and the margin 0 it is the
    binary cross-entropy. The focusing factors are differentiated too; the authors' code has an option to
    treat them as constants.

    Args:
        gamma_positive: the focusing parameter of positive labels; 0 in the paper.
        gamma_negative: the focusing parameter of negative labels; 4 in the paper.
        margin: probability up to which a negative label has no loss, 0 to 1; 0.05 in the paper.
        class_weights: one factor for each class, or None.

    Example:
        AsymmetricLoss(gamma_positive=0.0, gamma_negative=4.0, margin=0.05)(labels, logits)
    """

    def __init__(
        self,
        gamma_positive: float,
        gamma_negative: float,
        margin: float,
        class_weights: np.ndarray | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(class_weights, **arguments)
        self.gamma_positive, self.gamma_negative, self.margin = gamma_positive, gamma_negative, margin

    def elements(self, labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the asymmetric loss of each label."""
        log_margin = math.log(self.margin) if self.margin else -math.inf
        positive = ops.softplus(-logits)
        # -log(1-p_m) = -log(min(1-p+margin, 1)), added in log space: 1-p is 0 in float32 at a large logit.
        negative = ops.maximum(-ops.logaddexp(-ops.softplus(logits), log_margin), 0.0)
        return labels * _focused(positive, self.gamma_positive) + (1 - labels) * _focused(
            negative, self.gamma_negative
        )


def _focused(cross_entropy: keras.KerasTensor, gamma: float) -> keras.KerasTensor:
    """Return `(1-p_t)^gamma · cross_entropy` with `p_t = exp(-cross_entropy)`.

    For targets 0 and 1, p_t is the predicted probability of the target.
    """
    # expm1 is exact for small losses. The lower bound keeps the gradient of the power finite for gamma < 1.
    complement = ops.maximum(-ops.expm1(-cross_entropy), keras.config.epsilon())
    return ops.power(complement, gamma) * cross_entropy


def build_loss(config: LossConfig, labels: np.ndarray) -> keras.losses.Loss:
    """Return the loss that the settings name.

    Args:
        config: the loss's settings; its name is one in `LOSSES`.
        labels: multi-hot training labels, shape (rows, classes), from which `auto` and `balanced` follow.

    Raises:
        UserError: if there is not one class weight for each class.

    Example:
        build_loss(LossConfig("focal", class_weights="balanced"), labels)
    """
    return LOSSES[config.name](config, labels, class_weights(config, labels))


def class_weights(config: LossConfig, labels: np.ndarray) -> np.ndarray | None:
    """Return the class weights that the settings name, float32 of shape (classes,), or None.

    Args:
        config: `class_weights`.
        labels: multi-hot training labels, shape (rows, classes), from which `balanced` follows.

    Raises:
        UserError: if there is not one weight for each class.

    Example:
        class_weights(LossConfig(class_weights=[1.0, 2.0]), labels)
    """
    if config.class_weights == "none":
        return None
    if config.class_weights == "balanced":
        return balanced_class_weights(labels)
    if len(config.class_weights) != labels.shape[1]:
        raise UserError(
            f"loss.class_weights: expected {labels.shape[1]} numbers, one for each label; "
            f"got {len(config.class_weights)}"
        )
    return np.array(config.class_weights, np.float32)


def _cross_entropy(config: LossConfig, labels: np.ndarray, weights: np.ndarray | None) -> keras.losses.Loss:
    return SigmoidCrossEntropy(weights)


def _smoothed_focal(config: LossConfig, labels: np.ndarray, weights: np.ndarray | None) -> keras.losses.Loss:
    return SmoothedFocalLoss(config.resolved_alpha, config.gamma, config.label_smoothing, weights)


def _sigmoid_focal(config: LossConfig, labels: np.ndarray, weights: np.ndarray | None) -> keras.losses.Loss:
    return SigmoidFocalCrossEntropy(config.positive_weight, config.gamma, weights)


def _asymmetric(config: LossConfig, labels: np.ndarray, weights: np.ndarray | None) -> keras.losses.Loss:
    return AsymmetricLoss(config.gamma_positive, config.gamma_negative, config.margin, weights)


LOSSES: dict[str, Callable[[LossConfig, np.ndarray, np.ndarray | None], keras.losses.Loss]] = {
    "bce": _cross_entropy,
    "soft_margin": _cross_entropy,
    "focal": _smoothed_focal,
    "sigmoid_focal": _sigmoid_focal,
    "asymmetric": _asymmetric,
}
"""The builder of each loss by its `loss.name`; it takes settings, training labels and class weights."""


def mean_class_alpha(labels: np.ndarray) -> float:
    """Return system 1's alpha: the mean of total/(K·v) over the classes that occur.

    v is a class's number of rows, total the sum of all v, K the number of classes that occur. Without any
    label alpha is 1.

    Args:
        labels: multi-hot labels, shape (rows, classes).

    Example:
        mean_class_alpha(np.array([[1, 0], [1, 1]]))  # (3/(2·2) + 3/(2·1)) / 2 = 1.125
    """
    counts = np.asarray(labels, np.float64).sum(axis=0)
    seen = counts[counts > 0]
    return float(np.mean(seen.sum() / (len(seen) * seen))) if len(seen) else 1.0


def balanced_class_weights(labels: np.ndarray) -> np.ndarray:
    """Return a weight for each class, inversely proportional to its rows: total/(K·v), scaled to a mean of 1.

    Args:
        labels: multi-hot labels, shape (rows, classes). v, total and K are as in `mean_class_alpha`.

    Returns:
        float32 of shape (classes,). A class without rows has the weight 1.

    Example:
        balanced_class_weights(np.array([[1, 0], [1, 1]]))  # [0.667, 1.333]
    """
    counts = np.asarray(labels, np.float64).sum(axis=0)
    weights = np.ones(len(counts), np.float32)
    seen = counts > 0
    inverse = 1 / counts[seen]
    weights[seen] = inverse / inverse.mean()
    return weights
