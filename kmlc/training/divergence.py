"""Divergence: a loss or logits that are not finite, as of too high a learning rate or of float16."""

import math

import numpy as np


class DivergenceError(Exception):
    """Training cannot go on; the message says what became NaN or infinite."""


def check_loss(loss: float, step: int) -> None:
    """Check the mean loss of an epoch's steps so far; steps count from 1, it is the last of those of a call.

    Loss scaling (float16) is not in this loss: an overflow of scaled gradients, which skips a step, passes.

    Raises:
        DivergenceError: if it is NaN or infinite.

    Example:
        check_loss(0.25, step=10)
    """
    if not math.isfinite(loss):
        raise DivergenceError(f"loss became {'NaN' if math.isnan(loss) else 'infinite'} at step {step}")


def check_logits(logits: np.ndarray, rows: str) -> None:
    """Check logits before thresholds are fitted and metrics are computed.

    Args:
        logits: shape (rows, classes).
        rows: what rows they are, such as "validation".

    Raises:
        DivergenceError: if any is NaN or infinite.
    """
    bad = ~np.isfinite(logits).all(axis=1)
    if bad.any():
        raise DivergenceError(f"logits of {bad.sum():,} of {len(bad):,} {rows} rows became NaN or infinite")
