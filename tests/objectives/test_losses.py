from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kmlc.config import LossConfig
from kmlc.errors import UserError
from kmlc.objectives.losses import (
    LOSSES,
    AsymmetricLoss,
    balanced_class_weights,
    build_loss,
    mean_class_alpha,
)

rng = np.random.default_rng(0)
LABELS = (rng.random((12, 5)) < 0.4).astype(np.float32)
LOGITS = rng.normal(0, 3, (12, 5)).astype(np.float32)
WEIGHTS = [0.5, 1.0, 2.0, 3.0, 0.25]


def cross_entropy(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """BCE with logits, elementwise, in float64."""
    logits = logits.astype(np.float64)
    return np.logaddexp(0, logits) - labels * logits


def smoothed_focal(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """System 1's formula (docs/systems.md): alpha 1.7, gamma 2.5, s 0.1."""
    bce = cross_entropy(labels * 0.9 + 0.1 / labels.shape[1], logits)
    return 1.7 * (1 - np.exp(-bce)) ** 2.5 * bce


def sigmoid_focal(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Lin et al.'s formula with alpha 0.3 and gamma 2."""
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    positive = -0.3 * labels * (1 - p) ** 2 * np.log(p)
    return positive - 0.7 * (1 - labels) * p**2 * np.log(1 - p)


def asymmetric(
    labels: np.ndarray, logits: np.ndarray, positive: float = 1.5, negative: float = 3.0, margin: float = 0.1
) -> np.ndarray:
    """Ridnik et al.'s formula; 1 - p_m is written so that float64 keeps it at a large logit."""
    logits = logits.astype(np.float64)
    p, q = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits))
    present = -(q**positive) * np.log(p)
    shifted = np.maximum(p - margin, 0)
    return labels * present - (1 - labels) * shifted**negative * np.log(np.minimum(q + margin, 1))


LOSS_CASES: dict[str, tuple[LossConfig, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "bce": (LossConfig("bce"), cross_entropy),
    "soft_margin": (LossConfig("soft_margin"), cross_entropy),
    "focal": (LossConfig("focal", alpha=1.7, gamma=2.5, label_smoothing=0.1), smoothed_focal),
    "sigmoid_focal": (LossConfig("sigmoid_focal", gamma=2.0, positive_weight=0.3), sigmoid_focal),
    "asymmetric": (
        LossConfig("asymmetric", gamma_positive=1.5, gamma_negative=3.0, margin=0.1),
        asymmetric,
    ),
}


def test_every_loss_is_tested() -> None:
    assert set(LOSS_CASES) == set(LOSSES)


@pytest.mark.parametrize("name", LOSS_CASES)
def test_the_loss_equals_its_formula(name: str) -> None:
    config, formula = LOSS_CASES[name]
    ours = build_loss(config, LABELS)(LABELS, LOGITS)
    np.testing.assert_allclose(float(ours), formula(LABELS, LOGITS).mean(), rtol=1e-6)


@pytest.mark.parametrize("name", LOSS_CASES)
def test_class_weights_scale_their_class(name: str) -> None:
    config, formula = LOSS_CASES[name]
    weighted = LossConfig(**{**vars(config), "class_weights": WEIGHTS})
    ours = build_loss(weighted, LABELS)(LABELS, LOGITS)
    np.testing.assert_allclose(float(ours), (formula(LABELS, LOGITS) * WEIGHTS).mean(), rtol=1e-6)


def test_losses_at_logit_0_by_hand() -> None:
    """Cross-entropy is log 2; the focal loss without smoothing is 0.5^gamma of it."""
    labels, logits = np.array([[1.0, 0.0]]), np.zeros((1, 2))
    assert float(build_loss(LossConfig("bce"), labels)(labels, logits)) == pytest.approx(np.log(2), abs=1e-6)
    focal = build_loss(LossConfig("focal", alpha=1.0, gamma=2.0, label_smoothing=0.0), labels)
    assert float(focal(labels, logits)) == pytest.approx(np.log(2) / 4, abs=1e-6)


def test_sigmoid_focal_equals_keras() -> None:
    config, _ = LOSS_CASES["sigmoid_focal"]
    theirs = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.3, gamma=2.0, from_logits=True
    )
    np.testing.assert_allclose(
        float(build_loss(config, LABELS)(LABELS, LOGITS)), float(theirs(LABELS, LOGITS)), rtol=1e-6
    )


def test_asymmetric_by_hand() -> None:
    """At p 0.5 and margin 0.1: 0.5·log 2 for the positive label, 0.4^2·log(1/0.6) for the negative one."""
    loss = AsymmetricLoss(gamma_positive=1.0, gamma_negative=2.0, margin=0.1)
    ours = loss.call(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [-2.2, -100.0]]))
    positive, negative = 0.5 * np.log(2), 0.16 * np.log(1 / 0.6)
    np.testing.assert_allclose(ours, [(positive + negative) / 2, 0], rtol=1e-6, atol=1e-8)
    # p 0.0998 is within the margin, p 0.1003 is not.
    assert float(loss([[0.0]], [[-2.2]])) == 0 < float(loss([[0.0]], [[-2.194]]))


def test_asymmetric_without_gammas_and_margin_equals_cross_entropy() -> None:
    logits = np.concatenate([LOGITS, 100 * LOGITS])
    labels = np.concatenate([LABELS, LABELS])
    ours = AsymmetricLoss(0.0, 0.0, 0.0).call(labels, logits)
    np.testing.assert_allclose(ours, cross_entropy(labels, logits).mean(axis=1), rtol=1e-6, atol=1e-9)


def test_asymmetric_defaults_are_the_papers() -> None:
    ours = build_loss(LossConfig("asymmetric"), LABELS)(LABELS, LOGITS)
    np.testing.assert_allclose(float(ours), asymmetric(LABELS, LOGITS, 0, 4, 0.05).mean(), rtol=1e-6)


@given(data=st.data())
def test_asymmetric_equals_its_formula_for_any_settings(data: st.DataObject) -> None:
    gammas = st.floats(0, 5)
    positive, negative, margin = data.draw(gammas), data.draw(gammas), data.draw(st.floats(0, 1))
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=4))
    logits = data.draw(arrays(np.float32, shape, elements=st.floats(-500, 500, width=32)))
    labels = data.draw(arrays(np.float32, shape, elements=st.sampled_from([0.0, 1.0])))
    ours = AsymmetricLoss(positive, negative, margin).elements(tf.constant(labels), tf.constant(logits))
    formula = asymmetric(labels, logits, positive, negative, margin)
    np.testing.assert_allclose(ours, formula, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
def test_asymmetric_gradients_are_finite(gamma: float, margin: float) -> None:
    extreme = [-1e4, -1e3, -100.0, 0.0, 100.0, 1e3, 1e4]
    logits = tf.Variable([extreme, extreme])
    labels = tf.constant([[0.0] * 7, [1.0] * 7])
    with tf.GradientTape() as tape:
        value = AsymmetricLoss(gamma, gamma, margin)(labels, logits)
    assert np.isfinite(float(value))
    gradient = tape.gradient(value, logits).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[0] >= 0).all()
    assert (gradient[1] <= 0).all()


@pytest.mark.parametrize("gamma", [0.5, 2.5])
@pytest.mark.parametrize("name", LOSS_CASES)
def test_gradients_are_finite_at_extreme_logits(name: str, gamma: float) -> None:
    labels = tf.constant([[0.0, 1.0, 0.0, 1.0, 1.0]])
    logits = tf.Variable([[-1e4, -1e4, 1e4, 1e4, 0.0]])
    config = LossConfig(**{**vars(LOSS_CASES[name][0]), "gamma": gamma, "label_smoothing": 0.0})
    loss = build_loss(config, LABELS)
    with tf.GradientTape() as tape:
        value = loss(labels, logits)
    assert np.isfinite(float(value))
    assert np.isfinite(tape.gradient(value, logits).numpy()).all()


@pytest.mark.parametrize("name", LOSS_CASES)
def test_the_loss_of_a_batch_is_the_mean_over_its_rows(name: str) -> None:
    loss = build_loss(LOSS_CASES[name][0], LABELS)
    rows = [float(loss(LABELS[row : row + 1], LOGITS[row : row + 1])) for row in range(len(LABELS))]
    np.testing.assert_allclose(float(loss(LABELS, LOGITS)), np.mean(rows), rtol=1e-5)


@pytest.mark.parametrize("name", LOSS_CASES)
def test_float16_logits_are_computed_in_float32(name: str) -> None:
    loss = build_loss(LOSS_CASES[name][0], LABELS)
    half = LOGITS.astype(np.float16)
    np.testing.assert_allclose(
        float(loss(LABELS, half)), float(loss(LABELS, half.astype(np.float32))), rtol=1e-6
    )


def test_mean_class_alpha_by_hand() -> None:
    """Frequencies 2, 1, 1, 0: total 4, K 3, mean of 4/(3·2), 4/3, 4/3."""
    labels = np.array([[1, 1, 0, 0], [1, 0, 1, 0]])
    assert mean_class_alpha(labels) == pytest.approx((4 / 6 + 4 / 3 + 4 / 3) / 3)


def test_an_alpha_that_is_not_resolved_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^loss\.alpha: expected a number.*got auto$"):
        build_loss(LossConfig("focal"), LABELS)


def test_balanced_weights_by_hand() -> None:
    """Frequencies 2, 1, 0: 1/2 and 1/1 scaled to a mean of 1; a class without rows has the weight 1."""
    labels = np.array([[1, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(balanced_class_weights(labels), [2 / 3, 4 / 3, 1], rtol=1e-6)


def test_too_few_class_weights_are_refused() -> None:
    with pytest.raises(UserError, match=r"loss\.class_weights: expected 5 numbers.*got 2"):
        build_loss(LossConfig("bce", class_weights=[1.0, 2.0]), LABELS)
