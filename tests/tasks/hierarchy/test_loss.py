import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from kmlc.tasks.hierarchy.loss import HierarchicalCrossEntropy

S, K = 3, 5
rng = np.random.default_rng(0)
SUPERCLASSES, SUBCLASSES = rng.integers(0, S, 12), rng.integers(0, K, 12)
LABELS = np.hstack([np.eye(S)[SUPERCLASSES], np.eye(K)[SUBCLASSES]]).astype(np.uint8)
LOGITS = rng.normal(0, 3, (12, S + K)).astype(np.float32)
WEIGHTS = np.array([0.5, 1.0, 2.0, 3.0, 0.25, 1.0, 1.5, 0.75])


def probabilities(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits.astype(np.float64))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_it_is_the_sum_of_scikit_learns_log_losses() -> None:
    expected = log_loss(SUPERCLASSES, probabilities(LOGITS[:, :S]), labels=range(S))
    expected += log_loss(SUBCLASSES, probabilities(LOGITS[:, S:]), labels=range(K))
    ours = HierarchicalCrossEntropy(S)(LABELS, LOGITS)
    np.testing.assert_allclose(float(ours), expected, rtol=1e-6)


def test_class_weights_are_scikit_learns_sample_weights() -> None:
    expected = 0.0
    for truth, logits, weights in [
        (SUPERCLASSES, LOGITS[:, :S], WEIGHTS[:S]),
        (SUBCLASSES, LOGITS[:, S:], WEIGHTS[S:]),
    ]:
        scores = probabilities(logits)
        # Not normalised: scikit-learn divides by the weights' sum, a batch by its rows.
        expected += log_loss(
            truth, scores, labels=range(scores.shape[1]), normalize=False, sample_weight=weights[truth]
        )
    ours = HierarchicalCrossEntropy(S, WEIGHTS)(LABELS, LOGITS)
    np.testing.assert_allclose(float(ours), expected / len(LABELS), rtol=1e-6)


def test_known_values() -> None:
    """By hand: at equal logits every class has 1/C, whatever the smoothing."""
    labels, logits = [[1, 0, 0, 0, 1]], [[0.0] * 5]
    for smoothing in (0.0, 0.1):
        loss = HierarchicalCrossEntropy(2, label_smoothing=smoothing)
        assert float(loss(labels, logits)) == pytest.approx(np.log(2) + np.log(3), rel=1e-6)


def test_smoothing_by_hand() -> None:
    """Superclass logits log 3 and 0 give 3/4 and 1/4; targets (1, 0) become (0.9, 0.1) with s = 0.2."""
    ours = HierarchicalCrossEntropy(2, label_smoothing=0.2)([[1, 0, 0, 0]], [[np.log(3), 0.0, 0.0, 0.0]])
    assert float(ours) == pytest.approx(-0.9 * np.log(3 / 4) - 0.1 * np.log(1 / 4), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_row_of_no_known_class_adds_nothing_at_that_level(smoothing: float) -> None:
    labels = tf.constant([[0.0, 1.0, 0.0, 0.0, 0.0], [0.0] * 5])
    logits = tf.Variable([[0.0, 0.0, 3.0, -1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
    with tf.GradientTape() as tape:
        value = HierarchicalCrossEntropy(2, label_smoothing=smoothing)(labels, logits)
    assert float(value) == pytest.approx(np.log(2) / 2, rel=1e-6)
    gradient = tape.gradient(value, logits).numpy()
    np.testing.assert_array_equal(gradient[0, 2:], 0)
    np.testing.assert_array_equal(gradient[1], 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_are_finite_at_extreme_logits(smoothing: float) -> None:
    logits = tf.Variable([[-1e4, 1e4, 1e4, -1e4, 0.0]])
    with tf.GradientTape() as tape:
        value = HierarchicalCrossEntropy(2, label_smoothing=smoothing)([[1, 0, 0, 1, 0]], logits)
    assert float(value) == pytest.approx(
        2e4 + 2e4 if smoothing == 0 else 0.95 * 2e4 + (0.9 + 0.1 / 3) * 2e4 + 0.1 / 3 * 1e4, rel=1e-5
    )
    assert np.isfinite(tape.gradient(value, logits).numpy()).all()


def test_a_batch_is_the_mean_of_its_rows() -> None:
    loss = HierarchicalCrossEntropy(S, WEIGHTS, label_smoothing=0.1)
    rows = [float(loss(LABELS[row : row + 1], LOGITS[row : row + 1])) for row in range(len(LABELS))]
    np.testing.assert_allclose(float(loss(LABELS, LOGITS)), np.mean(rows), rtol=1e-5)


def test_float16_logits_are_evaluated_in_float32() -> None:
    loss, half = HierarchicalCrossEntropy(S), LOGITS.astype(np.float16)
    np.testing.assert_allclose(
        float(loss(LABELS, half)), float(loss(LABELS, half.astype(np.float32))), rtol=1e-6
    )
