"""What readers, training, prediction and reports ask of a task. `kmlc.tasks.registry` says how to add one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from kmlc.config import Config
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.labels import Targets, Vocabulary
from kmlc.data.readers.table import Table
from kmlc.objectives.bootstrap import Resampled

if TYPE_CHECKING:
    # The command line imports this module; these take seconds.
    import keras
    import pandas as pd

Direction: TypeAlias = Literal["min", "max"]
"""Whether a lower or a higher value of a metric is better."""

Metrics = dict[str, float | None]
"""Metrics by name; None where one is not defined."""
Thresholds = Mapping[str, float]
"""The fitted thresholds by name."""


@dataclass(frozen=True)
class LabelPredictions:
    """True and predicted labels of a set of rows.

    Attributes:
        labels: true labels, bool (rows, classes); labels that are unknown to the run come last.
        scores: float of the same shape, higher for a more probable label.
        predicted: predicted labels, bool of the same shape.
    """

    labels: np.ndarray
    scores: np.ndarray
    predicted: np.ndarray


class Task(Protocol):
    """What the labels of the data and the logits of a model mean.

    Labels are uint8 (rows, classes of all heads), logits float32 of the same shape.
    """

    def __init__(self, config: Config, vocabulary: Any) -> None: ...

    @property
    def config(self) -> Config:
        """The settings."""

    @staticmethod
    def sample_folder() -> Path:
        """Return the data folder of the built-in sample."""

    @staticmethod
    def read_labels(
        config: Config, folder: Path, table: Table, rows: np.ndarray, report: TableReport
    ) -> Targets:
        """Read the labels of rows of a training table, and note in the report their problems."""

    @staticmethod
    def load_vocabulary(saved: Mapping[str, Any]) -> Vocabulary:
        """Return the vocabulary that labels.json holds."""

    @staticmethod
    def label_settings(config: Config) -> Sequence[Any]:
        """Return the settings, besides `table` and `labels`, that `read_labels` depends on."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The labels in the order of the classes."""

    def read_known_labels(self, config: Config, table: Table, rows: np.ndarray) -> KnownLabels | None:
        """Return the labels of the given rows of a table, or None if it has no labels."""

    @property
    def heads(self) -> Mapping[str, int]:
        """The number of classes of each head by its name."""

    @property
    def threshold_names(self) -> Sequence[str]:
        """The names of the thresholds."""

    @property
    def objective(self) -> str:
        """The metric that picks the best epoch; higher is better."""

    @property
    def curves(self) -> Sequence[str]:
        """The metrics that the report draws over the epochs."""

    def loss(self, labels: np.ndarray) -> keras.losses.Loss:
        """Return the loss; its weights may depend on the training labels."""

    def fit(self, labels: np.ndarray, logits: np.ndarray) -> Thresholds:
        """Fit the thresholds to validation rows."""

    def metrics(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Metrics:
        """Return the metrics of a whole set of rows; the labels may be those of `KnownLabels`."""

    def resampled(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Resampled:
        """Return the function that computes `metrics` for resamples of the rows."""

    def label_predictions(
        self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds
    ) -> LabelPredictions:
        """Return the true and predicted labels of a set of rows, as a submission has them."""

    def details(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> dict[str, Any]:
        """Return further entries of metrics.json for a set of rows, by name, as plain values."""

    def advice(self, details: Mapping[str, Any]) -> Sequence[str]:
        """Return what to do next, given the details of the validation rows; a sentence or two each."""

    def submission(self, ids: Sequence[str], logits: np.ndarray, thresholds: Thresholds) -> pd.DataFrame:
        """Return the predicted labels, a row for each id."""

    def probabilities(self, logits: np.ndarray) -> pd.DataFrame:
        """Return the probability of each class, a column for each."""

    def explain(self, logits: np.ndarray, thresholds: Thresholds) -> Sequence[str]:
        """Return the prediction of one row, logits (1, classes of all heads), as lines of text."""

    def label_panels(self, counts: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
        """Return counts of rows by `vocabulary.display()`, grouped by level, one plot panel each."""

    def report_sections(
        self,
        folder: Path,
        metrics: Mapping[str, Any],
        thresholds: Thresholds,
        labels: np.ndarray,
        logits: np.ndarray,
    ) -> list[str]:
        """Write the task's tables and plots of a finished run, and return its sections of the report.

        Args:
            folder: receives the tables, and the plots in `plots/`.
            metrics: the content of metrics.json.
            thresholds: those of the run.
            labels: true labels of the validation rows.
            logits: their logits.
        """
