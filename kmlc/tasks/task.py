"""What training and prediction ask of a task. `kmlc.tasks.registry` says how to add one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from kmlc.config import Config
from kmlc.data.labels import Vocabulary

if TYPE_CHECKING:
    # The command line imports this module; these take seconds.
    import keras
    import pandas as pd

Direction: TypeAlias = Literal["min", "max"]
"""Whether a lower or a higher value of a metric is better."""

Metrics = dict[str, float | None]
"""Metrics by name; None where one is not defined."""
Thresholds = Mapping[str, float]
"""What is fitted on the validation rows, by name."""


class Task(Protocol):
    """What the logits of a model mean.

    Labels are uint8 (rows, classes of all heads), logits float32 of the same shape.
    """

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None: ...

    @property
    def heads(self) -> Mapping[str, int]:
        """The number of classes of each head by its name."""

    @property
    def objective(self) -> str:
        """The metric that picks the best epoch; higher is better."""

    @property
    def curves(self) -> Sequence[str]:
        """The metrics that the report draws over the epochs."""

    def loss(self, labels: np.ndarray) -> keras.losses.Loss:
        """Return the loss, with what it takes from the training labels."""

    def fit(self, labels: np.ndarray, logits: np.ndarray) -> Thresholds:
        """Fit the thresholds to validation rows."""

    def metrics(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Metrics:
        """Return the metrics of a whole set of rows."""

    def details(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> dict[str, Any]:
        """Return what more metrics.json says of a set of rows, by name, as plain values."""

    def advice(self, details: Mapping[str, Any]) -> Sequence[str]:
        """Return what to do next, given the details of the validation rows; a sentence or two each."""

    def submission(self, ids: Sequence[str], logits: np.ndarray, thresholds: Thresholds) -> pd.DataFrame:
        """Return the predicted labels, a row for each id."""

    def probabilities(self, logits: np.ndarray) -> pd.DataFrame:
        """Return the probability of each class, a column for each."""

    def explain(self, logits: np.ndarray, thresholds: Thresholds) -> Sequence[str]:
        """Return what a person is shown of one row, logits (1, classes of all heads), in lines."""
