"""Seeded splits into training and validation rows."""

import numpy as np

from kmlc.config import SplitConfig


def split_rows(labels: np.ndarray, config: SplitConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and validation.

    Args:
        labels: multi-hot labels, shape (rows, classes).
        config: the method and the part held out.
        seed: the same seed gives the same split.

    Returns:
        The row numbers of the training and of the validation rows, each in ascending order; together every
        row once.

    Example:
        train, validation = split_rows(labels, SplitConfig(validation=0.2), seed=42)
    """
    rng = np.random.default_rng(seed)
    held_out = _METHODS[config.method](labels, config.validation, rng)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _random(labels: np.ndarray, part: float, rng: np.random.Generator) -> np.ndarray:
    held_out = np.zeros(len(labels), bool)
    held_out[rng.permutation(len(labels))[: round(part * len(labels))]] = True
    return held_out


def _stratified(labels: np.ndarray, part: float, rng: np.random.Generator) -> np.ndarray:
    """Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011) into two folds.

    The rarest label that still has rows to place is dealt out first; each of its rows goes to the fold that
    wants that label most, then to the fold that wants more rows, then by lot.
    """
    remaining = labels.astype(bool)
    unplaced = np.ones(len(labels), bool)
    shares = np.array([1 - part, part])
    wanted_rows = shares * len(labels)
    wanted_labels = shares[:, None] * remaining.sum(axis=0)
    held_out = np.zeros(len(labels), bool)
    while True:
        counts = remaining[unplaced].sum(axis=0)
        if not counts.any():
            break
        rarest = np.flatnonzero(counts == counts[counts > 0].min())[0]
        for row in rng.permutation(np.flatnonzero(unplaced & remaining[:, rarest])):
            fold = _neediest(wanted_labels[:, rarest], wanted_rows, rng)
            held_out[row] = fold == 1
            wanted_labels[fold] -= remaining[row]
            wanted_rows[fold] -= 1
            unplaced[row] = False
    # Rows without a label fill up what each fold still wants.
    blank = rng.permutation(np.flatnonzero(unplaced))
    held_out[blank[: int(np.clip(round(wanted_rows[1]), 0, len(blank)))]] = True
    return held_out


def _neediest(wanted_labels: np.ndarray, wanted_rows: np.ndarray, rng: np.random.Generator) -> int:
    best = np.flatnonzero(wanted_labels == wanted_labels.max())
    if len(best) > 1:
        best = best[wanted_rows[best] == wanted_rows[best].max()]
    return int(best[0] if len(best) == 1 else rng.choice(best))


_METHODS = {"random": _random, "stratified": _stratified}
