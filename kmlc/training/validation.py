"""The figures of a model on the validation rows: all rows at once, decided as the finished run decides."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.objectives.metrics import evaluate, probabilities
from kmlc.objectives.thresholds import decide, fit_thresholds


@dataclass(frozen=True)
class Validation:
    """The validation rows of a run, and how they are judged.

    Attributes:
        batches: their inputs, in order.
        labels: their multi-hot labels, shape (rows, classes).
        vocabulary: the labels' names.
        loss: the training loss.
        config: the settings.
    """

    batches: tf.data.Dataset
    labels: np.ndarray
    vocabulary: Vocabulary
    loss: keras.losses.Loss
    config: Config

    def figures(self, model: keras.Model) -> dict[str, float]:
        """Return the loss and the figures of the model, with thresholds fitted on these rows.

        A figure that is not defined, such as mAP without any label, is NaN.
        """
        logits = model.predict(self.batches, verbose=0)
        scores = probabilities(logits)
        figures = evaluate(self.labels, scores, self.decide(scores, self.fit(scores)))
        loss = float(self.loss(self.labels.astype(np.float32), logits))
        return {"loss": loss} | {name: np.nan if value is None else value for name, value in figures.items()}

    def probabilities(self, model: keras.Model) -> np.ndarray:
        """Return the model's probabilities, float32 (rows, classes)."""
        return probabilities(model.predict(self.batches, verbose=0))

    def fit(self, scores: np.ndarray) -> np.ndarray:
        """Return the threshold of each class, fitted with the configured method."""
        config = self.config
        return fit_thresholds(self.labels, scores, config.thresholds, config.objective, self.no_label)

    def decide(self, scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        """Return the decided labels, bool (rows, classes), with the configured rule for rows without any."""
        return decide(scores, thresholds, self.no_label)

    @property
    def no_label(self) -> str | int:
        """The rule for a row that got no label, as `decide` takes it."""
        return self.vocabulary.no_label(self.config.thresholds.no_label)
