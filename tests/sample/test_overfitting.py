import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from kmlc.sample.overfitting import overfitting_rows


def test_the_seed_decides() -> None:
    first, again, other = (overfitting_rows(seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


def test_guessing_gets_half_of_the_labels_right() -> None:
    x, y = overfitting_rows()
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((6000, 60), np.float32, (6000, 20), np.uint8)
    # Five standard deviations of a share and of a mean of 6,000 draws.
    np.testing.assert_allclose(y.mean(axis=0), 0.5, atol=5 * 0.5 / 6000**0.5)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=5 / 6000**0.5)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=5 / 12000**0.5)


@pytest.mark.parametrize("flipped", [0.0, 0.1, 0.25])
def test_the_best_model_gets_all_but_the_flipped_labels_right(flipped: float) -> None:
    """Least squares finds the normals: for normal features its slope is along them, flipped labels or not."""
    x, y = overfitting_rows(rows=20_000, flipped=flipped)
    oracle = LinearRegression().fit(x, 2.0 * y - 1)
    # Three directions carry the slopes; the rest is what 20,000 rows leave uncertain.
    strengths = np.linalg.svd(oracle.coef_, compute_uv=False)
    assert strengths[2] > 5 * strengths[3]
    # Slopes projected on them are the normals to within a hundredth of a turn.
    _, _, directions = np.linalg.svd(oracle.coef_, full_matrices=False)
    normals = directions[:3].T @ directions[:3] @ oracle.coef_.T
    assert np.mean((x @ normals > 0) == y) == pytest.approx(1 - flipped, abs=0.01)
