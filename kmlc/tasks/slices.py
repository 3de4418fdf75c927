"""Slices: groups of rows whose metrics are compared."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

AT_MOST = 10
"""The most values of a column that are slices of their own: the most frequent ones."""

_MANY_LABELS = 4


@dataclass(frozen=True)
class Slice:
    """Some rows.

    Attributes:
        by: what the rows are grouped by.
        value: what these have in common.
        rows: their places, int64, in order.
    """

    by: str
    value: str
    rows: np.ndarray


def by_presence(what: str, present: np.ndarray) -> list[Slice]:
    """Return the rows with and those without, for example, a caption.

    Example:
        by_presence("caption", np.array([True, False]))[1].rows  # [0]
    """
    return _slices(what, present.astype(int), ["without", "with"])


def by_label_count(labels: np.ndarray) -> list[Slice]:
    """Return the rows with 0, 1, 2, 3, and 4 or more labels; labels are 0/1, shape (rows, classes)."""
    names = [*map(str, range(_MANY_LABELS)), f"{_MANY_LABELS}+"]
    return _slices("labels", np.minimum(labels.sum(axis=1), _MANY_LABELS), names)


def by_column(name: str, cells: np.ndarray) -> list[Slice]:
    """Return the rows by the values of a column.

    Numbers with more than `AT_MOST` different values are cut at their quartiles. Of other values the most
    frequent have slices, the others share one.

    Args:
        name: the name of the column.
        cells: strings, shape (rows,).

    Example:
        by_column("source", np.array(["web", "print", "web"]))[0].value  # "web"
    """
    counts = Counter(cells.tolist())
    numbers = _numbers(cells)
    if numbers is not None and len(np.unique(numbers[~np.isnan(numbers)])) > AT_MOST:
        return _by_quartile(name, numbers)
    frequent = sorted(counts, key=lambda cell: (-counts[cell], cell))[:AT_MOST]
    others = f"{len(counts) - AT_MOST:,} other values"
    places = {cell: place for place, cell in enumerate(frequent)}
    rows = np.array([places.get(cell, len(frequent)) for cell in cells.tolist()])
    return _slices(name, rows, [*(cell or "(empty)" for cell in frequent), others])


def _numbers(cells: np.ndarray) -> np.ndarray | None:
    """Return cells as numbers, NaN for an empty one; None if another one is no finite number."""
    try:
        numbers = np.array([float(cell) if cell else np.nan for cell in cells.tolist()])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers[cells != ""]).all() else None


def _by_quartile(name: str, numbers: np.ndarray) -> list[Slice]:
    given = numbers[~np.isnan(numbers)]
    # The cuts that are below the highest value: where many values are equal, cuts are too.
    cuts = np.unique(np.quantile(given, [0.25, 0.5, 0.75], method="lower"))
    cuts = cuts[cuts < given.max()]
    starts = [f"from {given.min():.15g}", *(f"above {cut:.15g}" for cut in cuts)]
    ends = zip(starts, [*cuts, given.max()], strict=True)
    names = [*(f"{start} to {end:.15g}" for start, end in ends), "(empty)"]
    places = np.where(np.isnan(numbers), len(cuts) + 1, np.searchsorted(cuts, numbers))
    return _slices(name, places, names)


def _slices(by: str, places: np.ndarray, values: list[str]) -> list[Slice]:
    """Return a slice for each value that rows have, given by its place; none if all have the same."""
    found = [Slice(by, value, np.flatnonzero(places == place)) for place, value in enumerate(values)]
    found = [each for each in found if len(each.rows)]
    return found if len(found) > 1 else []
