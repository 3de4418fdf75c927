"""The metrics of a hierarchy for many resamples of rows at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kmlc.objectives.bootstrap import weights_of
from kmlc.objectives.resampled_metrics import weighted_auroc
from kmlc.tasks.hierarchy import LEVELS
from kmlc.tasks.hierarchy.metrics import metrics_of_sums


@dataclass(frozen=True)
class ResampledHierarchy:
    """The metrics of `Hierarchical.metrics`.

    Attributes:
        closed: `row_counts` predicted without novelty, 0 in rows that are not known.
        opened: `row_counts` predicted with novelty.
        known: which rows are known at both levels, bool (rows,).
        novel: which rows are novel at each level, bool (rows,) each.
        scores: their scores of novelty at each level, float64 (rows,) each.
    """

    closed: np.ndarray
    opened: np.ndarray
    known: np.ndarray
    novel: Sequence[np.ndarray]
    scores: Sequence[np.ndarray]

    def __call__(self, draws: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the metrics by name, float64 (resamples,), NaN where one is undefined."""
        weights = weights_of(draws)
        aurocs = {
            f"{level}_auroc": weighted_auroc(novel, scores, weights)
            for level, novel, scores in zip(LEVELS, self.novel, self.scores, strict=True)
        }
        opened = metrics_of_sums(self.opened @ weights, draws.shape[1])
        return (
            metrics_of_sums(self.closed @ weights, self.known @ weights)
            | aurocs
            | {f"open_{name}": values for name, values in opened.items()}
        )
