"""Tests of two classifiers on the same rows: McNemar's, and Holm's correction for many of them."""

import numpy as np
from scipy.special import bdtr


def mcnemar(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the p-value of McNemar's test, exact at any number of rows (McNemar, Psychometrika 1947).

    If neither classifier is better, each row that only one of them gets right is a fair coin.

    Args:
        one: number of rows that only the first classifier gets right, int of any shape.
        other: number of rows that only the second one gets right, of the same shape.

    Returns:
        Two-sided p-values, float64 of the same shape; 1 where both numbers are 0.

    Example:
        mcnemar(np.array([9, 0]), np.array([1, 0]))  # [0.0215, 1]
    """
    fewer, rows = np.minimum(one, other), np.asarray(one) + other
    return np.minimum(2 * bdtr(fewer.astype(np.float64), rows, 0.5), 1)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number: the family-wise error (Holm, Scand. J. Stat. 1979).

    Args:
        p_values: of all tests, float, shape (tests,).

    Returns:
        float64 of shape (tests,): a test is significant at a level that is at least its corrected p-value.

    Example:
        holm(np.array([0.01, 0.04, 0.03]))  # [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1)
    return corrected
