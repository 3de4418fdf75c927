"""The cuts of one class: every threshold that makes a difference.

A cut selects the k most probable rows, for any k that does not separate equal probabilities. Its threshold is
halfway between the lowest selected probability and the highest one below.
"""

import numpy as np


class Cuts:
    """The cuts of one class, from no row to all rows.

    Args:
        probabilities: the class's probabilities, shape (rows,).

    Attributes:
        order: row numbers, most probable first.
        sizes: number of rows that each cut selects, ascending, from 0 to all.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        self.order = np.argsort(-probabilities, kind="stable")
        self._sorted = probabilities[self.order].astype(np.float64)
        between = np.flatnonzero(self._sorted[:-1] > self._sorted[1:]) + 1
        self.sizes = np.concatenate([[0], between, [len(probabilities)]])

    def cumulate(self, values: np.ndarray) -> np.ndarray:
        """Return for each cut the sum of the values, shape (rows, …), of the rows it selects."""
        sums = np.cumsum(values[self.order], axis=0)
        return np.concatenate([np.zeros_like(sums[:1]), sums])[self.sizes]

    def total(self, without: np.ndarray, with_label: np.ndarray) -> np.ndarray:
        """Return for each cut the sum of `with_label` over selected rows and of `without` over the others."""
        return without.sum(axis=0) + self.cumulate(with_label.astype(float) - without)

    def index_of(self, size: int) -> int:
        """Return the index of the cut that selects `size` rows."""
        return int(np.searchsorted(self.sizes, size))

    def threshold(self, index: int) -> float:
        """Return the threshold that selects exactly the rows of a cut."""
        size = self.sizes[index]
        if size == 0:
            # A row with probability 1 needs a threshold above 1, in float32 too.
            highest = self._sorted[0]
            return float((highest + 1) / 2 if highest < 1 else np.nextafter(np.float32(1), np.float32(2)))
        below = self._sorted[size] if size < len(self._sorted) else 0.0
        return float((self._sorted[size - 1] + below) / 2)
