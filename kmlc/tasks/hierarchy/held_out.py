"""Which classes are held out of training, so that their rows are the novel ones of validation."""

from collections.abc import Sequence

import numpy as np

from kmlc.config import HierarchyConfig
from kmlc.errors import UserError
from kmlc.tasks.hierarchy.classes import Hierarchy


def held_out(hierarchy: Hierarchy, config: HierarchyConfig, seed: int) -> np.ndarray:
    """Return which classes are held out of training, bool of shape (S + K,), superclasses first.

    The subclasses of a held-out superclass are held out too. If the settings give a number of subclasses,
    they are drawn at random from the superclasses in turn; every other superclass keeps at least one.

    Args:
        hierarchy: every class that has rows.
        config: `held_out_superclasses`, `held_out_subclasses`.
        seed: the same seed draws the same subclasses.

    Raises:
        UserError: if a label to hold out is not in the hierarchy, no superclass is left, or a superclass is
            left without a subclass.

    Example:
        held_out(hierarchy, HierarchyConfig(held_out_subclasses=10), seed=42)
    """
    key = "hierarchy.held_out_superclasses"
    superclasses = _named(key, config.held_out_superclasses, hierarchy.superclasses)
    if superclasses.all():
        raise UserError(
            f"{key}: expected one or more of {len(superclasses)} superclasses to be left; got none"
        )
    parents = np.array(hierarchy.parents)
    with_parents = superclasses[parents]
    key = "hierarchy.held_out_subclasses"
    if isinstance(config.held_out_subclasses, list):
        subclasses = _named(key, config.held_out_subclasses, hierarchy.subclasses)
    else:
        groups = [np.flatnonzero(parents == parent) for parent in np.flatnonzero(~superclasses)]
        subclasses = _drawn(key, config.held_out_subclasses, groups, len(parents), seed)
    subclasses |= with_parents
    for parent in np.flatnonzero(~superclasses):
        if subclasses[parents == parent].all():
            raise UserError(
                f"{key}: expected a subclass to be left of superclass {hierarchy.superclasses[parent]!r}; "
                "got all of them (hierarchy.held_out_superclasses holds out a whole superclass)"
            )
    return np.concatenate([superclasses, subclasses])


def _named(key: str, labels: Sequence[int | str], classes: Sequence[str]) -> np.ndarray:
    wanted = [str(label) for label in labels]
    for label in wanted:
        if label not in classes:
            raise UserError(f"{key}: expected labels among {', '.join(classes)}; got {label}")
    return np.isin(classes, wanted)


def _drawn(key: str, count: int, groups: Sequence[np.ndarray], classes: int, seed: int) -> np.ndarray:
    """Draw classes from the groups in turn; every group keeps at least one."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(group)[1:] for group in groups]
    shuffled = [shuffled[place] for place in rng.permutation(len(shuffled))]
    turns = range(max(map(len, shuffled)))
    order = [group[turn] for turn in turns for group in shuffled if turn < len(group)]
    if count > len(order):
        raise UserError(
            f"{key}: expected {len(order)} at most, so that each superclass keeps a subclass; got {count}"
        )
    return np.isin(np.arange(classes), order[:count])
