"""The bootstrap over rows: resamples of the rows, and the intervals and p-values of what is computed on them.

A metric of a resample is that of its rows, each as often as it was drawn (Efron, Annals of Statistics 1979).
Nothing is trained again: an interval is about the rows that happened to be evaluated, not about the seed.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np

CONFIDENCE = 0.95
"""The share of resamples inside an interval."""

_BLOCK = 2**20
"""Numbers of a block of resamples, one for each row of each, which stay in the processor's cache."""

Resampled = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From a block of resamples to the values of each metric, float64 (resamples, …); NaN is undefined."""


def resamples(rows: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield resamples in blocks: which rows were drawn, with replacement, int64 (resamples of a block, rows).

    Args:
        rows: number of rows, 1 or more.
        count: number of resamples.
        seed: the same seed gives the same resamples of as many rows.

    Example:
        draws = np.concatenate([*resamples(rows=2000, count=1000, seed=42)])  # (1000, 2000)
    """
    rng, at_once = np.random.default_rng(seed), max(_BLOCK // rows, 1)
    for start in range(0, count, at_once):
        yield rng.integers(rows, size=(min(at_once, count - start), rows))


def weights_of(draws: np.ndarray) -> np.ndarray:
    """Return how often each row was drawn, float32 of shape (rows, resamples).

    Example:
        weights_of(np.array([[0, 2, 2]]))  # [[1], [0], [2]]
    """
    count, rows = draws.shape
    places = draws + rows * np.arange(count)[:, None]
    counts = np.bincount(places.ravel(), minlength=count * rows).reshape(count, rows)
    return np.ascontiguousarray(counts.T, np.float32)


def bootstrap(metrics: Resampled, rows: int, count: int, seed: int) -> dict[str, np.ndarray]:
    """Return the values of metrics on each of the resamples of `resamples`.

    Example:
        bootstrap(ResampledMultilabel(labels, scores, predicted, 32), len(labels), 1000, 42)["micro_f1"]
    """
    blocks = [metrics(draws) for draws in resamples(rows, count, seed)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval: the 2.5th and the 97.5th percentile of the resamples.

    Args:
        values: float, shape (resamples, …). Resamples where a metric is undefined, NaN, do not count.

    Returns:
        Low and high, float64 of shape (…); NaN where no resample has a value.

    Example:
        low, high = interval(bootstrap(metrics, rows, 1000, seed)["micro_f1"])
    """
    tail = (1 - CONFIDENCE) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        low, high = np.nanquantile(values, [tail, 1 - tail], axis=0)
    return low, high


def two_sided_p(differences: np.ndarray) -> float | None:
    """Return the two-sided p-value of "there is no difference": twice the smaller share of either sign.

    One resample more counts on each side (Davison and Hinkley, 1997, chapter 4), so that it is never 0.

    Args:
        differences: of two runs on the same resamples, float, shape (resamples,); NaN does not count.

    Returns:
        None if no resample has a value.

    Example:
        two_sided_p(np.array([0.1, 0.2, -0.1]))  # 1.0: one of three is below 0
    """
    differences = differences[~np.isnan(differences)]
    if not len(differences):
        return None
    smaller = min(np.sum(differences <= 0), np.sum(differences >= 0))
    return float(min(2 * (smaller + 1) / (len(differences) + 1), 1))
