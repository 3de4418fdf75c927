"""Seeded splits into training, validation and test rows."""

from dataclasses import dataclass

import numpy as np

from kmlc.config import SplitConfig
from kmlc.errors import UserError


@dataclass(frozen=True)
class Split:
    """The row numbers of each part, int64 and in ascending order; together every row once.

    Attributes:
        training: the rows to train on.
        validation: the rows to validate on.
        test: the rows held out for a last, untouched metric; none if no test part was asked for.
    """

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_rows(labels: np.ndarray, config: SplitConfig, seed: int) -> Split:
    """Split rows into training, validation and test.

    Args:
        labels: multi-hot labels, shape (rows, classes).
        config: the method and the parts held out.
        seed: the same seed gives the same split.

    Returns:
        The row numbers of each part.

    Raises:
        UserError: if the parts held out leave nothing to train on.

    Example:
        split = split_rows(labels, SplitConfig(validation=0.15, test=0.15), seed=42)
        labels[split.training]
    """
    left = 1 - config.validation - config.test
    if left <= 0:
        raise UserError(
            f"split.validation {config.validation} and split.test {config.test}: "
            "expected a sum below 1, so that rows to train on are left"
        )
    shares = np.array([left, config.validation, config.test])
    fold = _METHODS[config.method](labels, shares, np.random.default_rng(seed))
    return Split(*(np.flatnonzero(fold == number) for number in range(len(shares))))


def _random(labels: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    fold = np.zeros(len(labels), np.int64)
    _deal(fold, rng.permutation(len(labels)), shares * len(labels))
    return fold


def _stratified(labels: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011), a fold for each share.

    The rarest label that still has rows to place is dealt out first; each of its rows goes to the fold that
    wants that label most, then to the fold that wants more rows, then by lot. A fold with a share of 0 gets
    no row: what all folds want of a label is what is left of it, so one of them wants more than 0.

    Returns:
        The fold of each row, shape (rows,).
    """
    remaining = labels.astype(bool)
    unplaced = np.ones(len(labels), bool)
    wanted_rows = shares * len(labels)
    wanted_labels = shares[:, None] * remaining.sum(axis=0)
    fold = np.zeros(len(labels), np.int64)
    while True:
        counts = remaining[unplaced].sum(axis=0)
        if not counts.any():
            break
        rarest = np.flatnonzero(counts == counts[counts > 0].min())[0]
        for row in rng.permutation(np.flatnonzero(unplaced & remaining[:, rarest])):
            neediest = _neediest(wanted_labels[:, rarest], wanted_rows, rng)
            fold[row] = neediest
            wanted_labels[neediest] -= remaining[row]
            wanted_rows[neediest] -= 1
            unplaced[row] = False
    # Rows without a label fill up what each fold still wants.
    _deal(fold, rng.permutation(np.flatnonzero(unplaced)), wanted_rows)
    return fold


def _neediest(wanted_labels: np.ndarray, wanted_rows: np.ndarray, rng: np.random.Generator) -> int:
    best = np.flatnonzero(wanted_labels == wanted_labels.max())
    if len(best) > 1:
        best = best[wanted_rows[best] == wanted_rows[best].max()]
    return int(best[0] if len(best) == 1 else rng.choice(best))


def _deal(fold: np.ndarray, rows: np.ndarray, wanted: np.ndarray) -> None:
    """Deal rows in their order to folds 1, 2, … as many as each wants; fold 0 keeps the rest."""
    # Rounding the sums, not each number, holds every fold within one row of what it wants.
    ends = np.rint(np.cumsum(wanted[1:].clip(min=0))).astype(int)
    for number, part in enumerate(np.split(rows, ends)[:-1], start=1):
        fold[part] = number


_METHODS = {"random": _random, "stratified": _stratified}
