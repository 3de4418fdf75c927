"""Multi-label classification: sigmoid, and a threshold for each label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from kmlc.config import Config
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.labels import Targets, Vocabulary, canonical, kind_of
from kmlc.data.readers.table import Table
from kmlc.errors import UserError
from kmlc.objectives.bootstrap import Resampled
from kmlc.objectives.losses import LOSSES, build_loss
from kmlc.objectives.metrics import AVERAGES, batch_macro_f1, evaluate, per_class, probabilities
from kmlc.objectives.resampled_metrics import ResampledMultilabel
from kmlc.objectives.thresholds import NoLabel, fit_thresholds, predict_labels
from kmlc.sample import sample_folder
from kmlc.tasks.multilabel.labels import read_known_labels, read_labels
from kmlc.tasks.task import LabelPredictions, Metrics, Thresholds


@dataclass(frozen=True)
class Multilabel:
    """Multi-label classification, the task of systems 1, 2, 3 and 5.

    Attributes:
        config: the settings.
        vocabulary: the labels.

    Raises:
        UserError: if `thresholds.no_label` is neither none, top1, nor a label.
    """

    config: Config
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        _ = self._no_label  # raises

    @staticmethod
    def sample_folder() -> Path:
        """Return the data folder of the built-in sample."""
        return sample_folder()

    @staticmethod
    def read_labels(
        config: Config, folder: Path, table: Table, rows: np.ndarray, report: TableReport
    ) -> Targets:
        """Read the label column of rows of a training table."""
        return read_labels(config, folder, table, rows, report)

    @staticmethod
    def load_vocabulary(saved: Mapping[str, Any]) -> Vocabulary:
        """Return the vocabulary that labels.json holds."""
        return Vocabulary.from_json(saved)

    @staticmethod
    def label_settings(config: Config) -> list[Any]:
        """Return nothing: labels depend on `table` and `labels` alone."""
        return []

    def read_known_labels(self, config: Config, table: Table, rows: np.ndarray) -> KnownLabels | None:
        """Return the labels of the given rows of a table; None if it has none."""
        return read_known_labels(config, self.vocabulary, table, rows)

    @property
    def heads(self) -> Mapping[str, int]:
        """One head, a logit for each label."""
        return {"logits": len(self.vocabulary)}

    @property
    def threshold_names(self) -> Sequence[str]:
        """The labels."""
        return self.vocabulary.labels

    @property
    def objective(self) -> str:
        """The F1 that the settings name."""
        return f"{self.config.objective}_f1"

    @property
    def curves(self) -> Sequence[str]:
        """The three averages of F1, and the macro mAP."""
        return [*(f"{average}_f1" for average in AVERAGES), "macro_map"]

    def loss(self, labels: np.ndarray) -> keras.losses.Loss:
        """Return the loss that the settings name.

        Raises:
            UserError: if it is the loss of another task, or its class weights do not fit the labels.
        """
        if self.config.loss.name not in LOSSES:
            raise UserError(
                f"loss.name: expected one of {', '.join(LOSSES)} without table.superclass_column; "
                f"got {self.config.loss.name}"
            )
        return build_loss(self.config.loss, labels)

    def fit(self, labels: np.ndarray, logits: np.ndarray) -> Thresholds:
        """Return the threshold of each label, fitted with the configured method."""
        thresholds = fit_thresholds(
            labels, probabilities(logits), self.config.thresholds, self.config.objective, self._no_label
        )
        return dict(zip(self.vocabulary.labels, thresholds.tolist(), strict=True))

    def predict(self, logits: np.ndarray, thresholds: Thresholds) -> np.ndarray:
        """Return the predicted labels, bool (rows, classes), with the rule for rows without any."""
        values = np.array([thresholds[label] for label in self.vocabulary.labels])
        return predict_labels(probabilities(logits), values, self._no_label)

    def metrics(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Metrics:
        """Return the metrics of `kmlc.objectives.metrics.evaluate`, and system 1's F1 of batches at 0.5.

        Labels that are unknown to the run are classes with a probability of 0, never predicted.
        """
        found = self.label_predictions(labels, logits, thresholds)
        by_batches = batch_macro_f1(labels, found.scores >= 0.5, self.config.train.batch_size)
        return evaluate(labels, found.scores, found.predicted) | {"batch_macro_f1": by_batches}

    def resampled(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> Resampled:
        """Return the function that computes `metrics` for resamples of the rows."""
        found = self.label_predictions(labels, logits, thresholds)
        return ResampledMultilabel(found.labels, found.scores, found.predicted, self.config.train.batch_size)

    def label_predictions(
        self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds
    ) -> LabelPredictions:
        """Return true labels, probabilities and predicted labels."""
        unknown = ((0, 0), (0, labels.shape[1] - logits.shape[1]))
        return LabelPredictions(
            labels.astype(bool),
            np.pad(probabilities(logits), unknown),
            np.pad(self.predict(logits, thresholds), unknown),
        )

    def details(self, labels: np.ndarray, logits: np.ndarray, thresholds: Thresholds) -> dict[str, Any]:
        """Return the metrics at 0.5, and those of each label."""
        at_half = dict.fromkeys(self.vocabulary.labels, 0.5)
        each = per_class(labels, probabilities(logits), self.predict(logits, thresholds))
        return {
            "at_0.5": self.metrics(labels, logits, at_half),
            "per_class": dict(zip(self.vocabulary.labels, each, strict=True)),
        }

    def advice(self, details: Mapping[str, Any]) -> list[str]:
        """Return nothing."""
        return []

    def submission(self, ids: Sequence[str], logits: np.ndarray, thresholds: Thresholds) -> pd.DataFrame:
        """Return the competition's columns: images, and labels in the vocabulary's order."""
        table = self.config.table
        predicted = self.predict(logits, thresholds)
        return pd.DataFrame({table.image_column: list(ids)} | self.vocabulary.columns(predicted, table))

    def probabilities(self, logits: np.ndarray) -> pd.DataFrame:
        """Return the probability of each label."""
        return pd.DataFrame(probabilities(logits).astype(float), columns=list(self.vocabulary.labels))

    def explain(self, logits: np.ndarray, thresholds: Thresholds) -> list[str]:
        """Return the probability of each label of one row, highest first, and the predicted labels."""
        (scores,), names = probabilities(logits), self.vocabulary.display()
        width = max(map(len, names))
        order = np.argsort(-scores, kind="stable")
        predicted = self.vocabulary.decode(self.predict(logits, thresholds)[0])
        return [
            *(f"{names[place]:<{width}}  {scores[place]:.3f}" for place in order),
            f"{self.config.table.label_column}: {predicted or 'none'}",
        ]

    def label_panels(self, counts: Mapping[str, int]) -> dict[str, Mapping[str, int]]:
        """Return the counts as one panel."""
        return {"label": counts}

    def report_sections(
        self,
        folder: Path,
        metrics: Mapping[str, Any],
        thresholds: Thresholds,
        labels: np.ndarray,
        logits: np.ndarray,
    ) -> list[str]:
        """Write per_class.csv and its plots; return the sections on thresholds and on each label."""
        from kmlc.tasks.multilabel.report import sections

        method = self.config.thresholds.method
        return sections(folder, metrics, self.vocabulary, thresholds, method, labels, probabilities(logits))

    @property
    def _no_label(self) -> NoLabel:
        """The rule for rows without a label, a label turned into its class index."""
        rule, labels = self.config.thresholds.no_label, self.vocabulary.labels
        if rule in ("none", "top1"):
            return rule
        label = canonical(rule, kind_of(labels, self.config.labels))
        if label not in labels:
            raise UserError(
                f"thresholds.no_label: expected none, top1 or one of {', '.join(labels)}; got {rule}"
            )
        return labels.index(label)
