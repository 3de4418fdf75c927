import keras
import numpy as np
import pytest

from kmlc.config import TowerConfig
from kmlc.data import feature_rows
from kmlc.data.columns import RowView
from kmlc.data.encoder_state import EncoderState
from kmlc.data.feature_rows import statistics
from kmlc.models.mlp import FARTHEST, Standardize, mlp

RNG = np.random.default_rng(0)
COLUMNS = {
    "standard": RNG.normal(size=200),
    "large": 1e5 + RNG.normal(size=200),
    "huge": 1e30 * RNG.normal(size=200),
    "largest": np.where(np.arange(200) % 2, 3.4e38, -3.4e38),
    "tiny": 1e-30 * RNG.normal(size=200),
    "constant": np.full(200, 0.1),
    "huge constant": np.full(200, 1e30),
}
FEATURES = np.stack(list(COLUMNS.values()), axis=1).astype(np.float32)
ROWS = RowView(FEATURES, np.arange(len(FEATURES)))


def test_training_rows_have_mean_0_and_deviation_1() -> None:
    standardized = np.asarray(Standardize(*statistics(ROWS))(FEATURES), np.float64)
    varies = np.array([float("constant" not in name) for name in COLUMNS])
    np.testing.assert_allclose(standardized.mean(axis=0), 0, atol=5e-3)
    np.testing.assert_allclose(standardized.std(axis=0), varies, rtol=1e-3)
    exact = (FEATURES[:, 0] - FEATURES[:, 0].mean(dtype=float)) / FEATURES[:, 0].std(dtype=float)
    np.testing.assert_allclose(standardized[:, 0], exact, rtol=1e-4, atol=1e-6)


def test_other_rows_are_finite() -> None:
    """Of a column that was constant nothing is known; far values stay within float16."""
    means, deviations = statistics(ROWS)
    rows = np.array([[1e38] * 7, [-1e38] * 7, [0.1] * 7], np.float32)
    standardized = np.asarray(Standardize(means, deviations)(rows))
    assert standardized[:2, 0].tolist() == [FARTHEST, -FARTHEST]
    assert not standardized[:, 5:].any()
    assert np.isfinite(standardized).all()


def test_statistics_are_those_of_each_column() -> None:
    rows = RowView(np.array([[9, 9], [1, 7], [3, 7]]), np.array([2, 1]))
    assert statistics(rows) == ((2.0, 7.0), (1.0, 0.0))
    large = RowView(np.array([[1e30, -5]]), np.array([0]))
    assert statistics(large) == ((float(np.float32(1e30)), -5.0), (0.0, 0.0))


def test_columns_that_do_not_fit_into_memory_together_have_the_same_statistics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = statistics(ROWS)
    monkeypatch.setattr(feature_rows, "_BLOCK", 3 * len(ROWS))
    assert statistics(ROWS) == whole


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_any_precision_trains_on_large_features(policy: str) -> None:
    """In float16 a feature of 1e5 is infinite, and the model's outputs were NaN."""
    means, deviations = statistics(ROWS)
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        model = mlp(EncoderState(feature_means=means, feature_deviations=deviations), TowerConfig("mlp"))
        logits = keras.layers.Dense(1, dtype="float32")(model.output)
        model = keras.Model(model.input, logits)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
        labels = (COLUMNS["large"] > 1e5).astype(np.float32)[:, None]
        losses = model.fit(FEATURES, labels, epochs=8, verbose=0).history["loss"]
        predicted = model.predict(FEATURES, verbose=0) > 0
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(losses).all()
    assert (predicted == labels).mean() > 0.85
