import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control

from kmlc.objectives.paired_tests import holm, mcnemar


def test_mcnemar_is_the_exact_binomial_test() -> None:
    one, other = (each.ravel() for each in np.mgrid[0:13, 0:13])
    expected = [
        binomtest(int(first), int(first + second)).pvalue if first + second else 1.0
        for first, second in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(mcnemar(one, other), expected, rtol=1e-12)


@pytest.mark.parametrize(("one", "other"), [(1200, 1050), (0, 400), (31, 30)])
def test_mcnemar_of_many_rows(one: int, other: int) -> None:
    expected = binomtest(one, one + other).pvalue
    np.testing.assert_allclose(mcnemar(np.array([one]), np.array([other])), [expected], rtol=1e-9)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm(np.array([0.6, 0.9])), [1, 1])
    np.testing.assert_allclose(holm(np.array([0.02])), [0.02])


def test_holm_is_between_none_and_bonferroni() -> None:
    p_values = np.random.default_rng(0).random(30) ** 3
    corrected = holm(p_values)
    assert (corrected >= p_values).all()
    assert (corrected <= np.minimum(30 * p_values, 1) + 1e-15).all()
    assert (corrected >= false_discovery_control(p_values) - 1e-15).all()
