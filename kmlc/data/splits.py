"""Seeded splits of rows into training, validation and test."""

from dataclasses import dataclass

import numpy as np

from kmlc.config import SplitConfig
from kmlc.errors import UserError


@dataclass(frozen=True)
class Split:
    """The row numbers of each split, int64 and ascending; every row is in exactly one.

    Attributes:
        training: the rows to train on.
        validation: the rows to validate on.
        test: the rows held out for the final evaluation; empty if `split.test` is 0.
    """

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_rows(labels: np.ndarray, config: SplitConfig, seed: int, groups: np.ndarray | None = None) -> Split:
    """Split rows into training, validation and test; rows of one group go into one split.

    Args:
        labels: multi-hot labels, shape (rows, classes).
        config: the method and the shares of the validation and test rows.
        seed: the same seed gives the same splits.
        groups: the group id of each row, shape (rows,); None if every row is a group of its own.

    Returns:
        The row numbers of each split.

    Raises:
        UserError: if the shares leave no training rows.

    Example:
        split = split_rows(labels, SplitConfig(validation=0.15, test=0.15), seed=42)
        labels[split.training]
    """
    training = 1 - config.validation - config.test
    if training <= 0:
        raise UserError(
            f"split.validation {config.validation} and split.test {config.test}: "
            "expected a sum below 1, which leaves rows to train on"
        )
    shares = np.array([training, config.validation, config.test])
    _, group = np.unique(np.arange(len(labels)) if groups is None else groups, return_inverse=True)
    sizes = np.bincount(group)
    # In the smallest dtype: of a large table this is the largest array.
    counts = np.zeros((len(sizes), labels.shape[1]), np.min_scalar_type(sizes.max(initial=0)))
    np.add.at(counts, group, labels != 0)
    split = _METHODS[config.method](counts, sizes, shares, np.random.default_rng(seed))[group]
    return Split(*(np.flatnonzero(split == number) for number in range(len(shares))))


def _random(
    counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    split = np.zeros(len(sizes), np.int64)
    _assign(split, rng.permutation(len(sizes)), sizes, shares * sizes.sum())
    return split


def _stratified(
    counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011), a split for each share.

    The label with the fewest unassigned rows comes first. Each of its rows goes to the split that needs most
    rows with this label; ties go to the split that needs more rows, then to a random one. A split with a
    share of 0 gets no row: the needs of all splits add up to the unassigned rows, so another split needs more
    than 0. A group goes as one row would. The paper's method may miss the sizes of the splits by any number
    of rows, for example where every label is in one row; groups are then moved (`_move_to_sizes`).

    Args:
        counts: how many rows of each group have each label, shape (groups, classes).
        sizes: how many rows each group has, shape (groups,).
        shares: the share of each split.
        rng: draws the order.

    Returns:
        The split of each group, shape (groups,).
    """
    unassigned = np.ones(len(sizes), bool)
    needed_rows = shares * sizes.sum()
    remaining = counts.sum(axis=0)
    needed_labels = shares[:, None] * remaining
    split = np.zeros(len(sizes), np.int64)
    while remaining.any():
        rarest = np.flatnonzero(remaining == remaining[remaining > 0].min())[0]
        groups = rng.permutation(np.flatnonzero(unassigned & (counts[:, rarest] > 0)))
        remaining = remaining - counts[groups].sum(axis=0)
        for group in groups:
            chosen = _next_split(needed_labels[:, rarest], needed_rows, rng)
            split[group] = chosen
            needed_labels[chosen] -= counts[group]
            needed_rows[chosen] -= sizes[group]
            unassigned[group] = False
    # Rows without a label fill the splits to their sizes.
    _assign(split, rng.permutation(np.flatnonzero(unassigned)), sizes, needed_rows)
    _move_to_sizes(split, counts, sizes, shares, rng)
    return split


def _move_to_sizes(
    split: np.ndarray, counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> None:
    """Move groups until each split misses its size by at most a row, or 1 % of the rows if that is more.

    No split that should have a row stays empty.

    Each goes from the fullest split to the one that needs most rows: the group after whose move the labels
    have the least squared distance to their shares, weighted by one over their rows. Where groups are too
    large, the sizes stay further off.
    """
    slack = max(1, sizes.sum() / 100)
    members = [split == number for number in range(len(shares))]
    needed_rows = shares * sizes.sum() - [sizes[each].sum() for each in members]
    needed_labels = shares[:, None] * counts.sum(axis=0) - [counts[each].sum(axis=0) for each in members]
    weights = 1 / counts.sum(axis=0).clip(min=1)
    while True:
        full, needy = needed_rows.argmin(), needed_rows.argmax()
        is_empty = needed_rows[needy] > 0.5 and not (split == needy).any()
        if not is_empty and max(-needed_rows[full], needed_rows[needy]) <= slack:
            return
        # A larger group would leave the two splits further from their sizes.
        movable = np.flatnonzero((split == full) & (sizes < needed_rows[needy] - needed_rows[full]))
        if not len(movable):
            return
        moved = counts[movable].astype(np.float64)
        distance = moved @ (weights * (needed_labels[full] - needed_labels[needy])) + moved**2 @ weights
        group = rng.choice(movable[np.isclose(distance, distance.min())])
        split[group] = needy
        needed_rows[[full, needy]] += sizes[group] * np.array([1, -1])
        needed_labels[full] += counts[group]
        needed_labels[needy] -= counts[group]


def _next_split(needed_labels: np.ndarray, needed_rows: np.ndarray, rng: np.random.Generator) -> int:
    best = np.flatnonzero(needed_labels == needed_labels.max())
    if len(best) > 1:
        best = best[needed_rows[best] == needed_rows[best].max()]
    return int(best[0] if len(best) == 1 else rng.choice(best))


def _assign(split: np.ndarray, groups: np.ndarray, sizes: np.ndarray, needed: np.ndarray) -> None:
    """Assign groups in their order to splits 1, 2, …, up to the rows each needs; split 0 keeps the rest."""
    # Rounding the cumulative sums keeps every split within one row of its size, if groups are single rows.
    ends = np.rint(np.cumsum(needed[1:].clip(min=0)))
    ends = np.searchsorted(np.cumsum(sizes[groups]), ends, side="right")
    for number, chunk in enumerate(np.split(groups, ends)[:-1], start=1):
        split[chunk] = number


_METHODS = {"random": _random, "stratified": _stratified}
