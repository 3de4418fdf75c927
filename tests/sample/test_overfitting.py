import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from kmlc.sample.overfitting import overfitting_rows


def test_the_same_seed_gives_the_same_rows() -> None:
    first, again, other = (overfitting_rows(seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


def test_guessing_predicts_half_of_the_labels_correctly() -> None:
    x, y = overfitting_rows()
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((6000, 60), np.float32, (6000, 20), np.uint8)
    # Five standard deviations of a share and of a mean of 6,000 draws.
    np.testing.assert_allclose(y.mean(axis=0), 0.5, atol=5 * 0.5 / 6000**0.5)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=5 / 6000**0.5)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=5 / 12000**0.5)


@pytest.mark.parametrize("flipped", [0.0, 0.1, 0.25])
def test_the_best_model_predicts_all_but_the_flipped_labels_correctly(flipped: float) -> None:
    """For normal features the slope of least squares is parallel to the normal, flipped labels or not."""
    x, y = overfitting_rows(rows=20_000, flipped=flipped)
    oracle = LinearRegression().fit(x, 2.0 * y - 1)
    # Three directions span the slopes; the rest is the sampling error of 20,000 rows.
    strengths = np.linalg.svd(oracle.coef_, compute_uv=False)
    assert strengths[2] > 5 * strengths[3]
    # Slopes projected on them are close to the normals.
    _, _, directions = np.linalg.svd(oracle.coef_, full_matrices=False)
    normals = directions[:3].T @ directions[:3] @ oracle.coef_.T
    assert np.mean((x @ normals > 0) == y) == pytest.approx(1 - flipped, abs=0.01)
