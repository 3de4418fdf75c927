"""Normalised embeddings, against NumPy."""

import keras
import numpy as np
import pytest

from kmlc.models.branch import TERMS_NORM, Branch
from kmlc.models.terms import Terms

EMBEDDING = np.random.default_rng(0).normal(3, 2, size=(6, 4)).astype(np.float32)
PRESENT = np.array([[1], [0], [1], [1], [1], [1]], np.int32)


def normalized(frozen: bool) -> keras.Model:
    embedding, present = keras.Input((4,)), keras.Input((1,), dtype="int32")
    branch = Branch("image", embedding, present).normalized(frozen)
    return keras.Model([embedding, present], branch.masked())


def test_a_missing_modality_contributes_zeros() -> None:
    """It was masked before it was normalised, and then contributed minus mean through deviation."""
    model = normalized(frozen=False)
    found = np.array(model([EMBEDDING, PRESENT], training=True))
    expected = (EMBEDDING - EMBEDDING.mean(0)) / np.sqrt(EMBEDDING.var(0) + 1e-3)
    np.testing.assert_allclose(found, expected * PRESENT, rtol=1e-4, atol=1e-4)
    assert not model.trainable_weights


@pytest.mark.parametrize("frozen", [False, True])
def test_a_batch_moves_the_statistics_by_a_tenth_unless_the_branch_is_frozen(frozen: bool) -> None:
    """With Keras's hundredth, a few hundred rows stopped early: validation saw statistics near 0 and 1."""
    model = normalized(frozen)
    model([EMBEDDING, PRESENT], training=True)
    share = 0 if frozen else 0.1
    mean, variance = share * EMBEDDING.mean(0), 1 - share + share * EMBEDDING.var(0)
    expected = (EMBEDDING - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(model([EMBEDDING, PRESENT]), expected * PRESENT, rtol=1e-4, atol=1e-4)


def test_terms_get_the_length_of_dense_embeddings() -> None:
    ids, weights = keras.Input((3,), dtype="int32"), keras.Input((3,))
    branch = Branch("caption", Terms(ids, weights, 9), keras.Input((1,), dtype="int32"))
    scaled = branch.normalized(frozen=False).embedding
    assert isinstance(scaled, Terms)
    values = np.array([[0.6, 0.8, 0.0]], np.float32)
    found = keras.Model(weights, scaled.weights)(values)
    assert np.linalg.norm(found) == pytest.approx(TERMS_NORM, rel=1e-5)
