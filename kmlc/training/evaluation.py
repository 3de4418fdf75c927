"""Evaluation on whole sets of rows, with thresholds fitted as at the end of a run."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kmlc.tasks.task import Task
from kmlc.training.divergence import check_logits
from kmlc.training.predict_batches import PredictionProgress, predict_batches


@dataclass(frozen=True)
class EvaluationSet:
    """Rows with labels that a model is evaluated on.

    Attributes:
        model: the model.
        batches: its inputs, in order.
        labels: the labels, uint8 (rows, classes).
    """

    model: keras.Model
    batches: tf.data.Dataset
    labels: np.ndarray

    def logits(self) -> np.ndarray:
        """Return the model's logits, float32 (rows, classes)."""
        steps = len(self.batches)
        progress = PredictionProgress(steps, -(-len(self.labels) // steps), "evaluating")
        return predict_batches(self.model, self.batches, progress)


@dataclass(frozen=True)
class Validation:
    """The evaluation at the end of an epoch.

    Attributes:
        rows: the validation rows.
        task: what the logits mean.
        loss: the loss that is minimised.
    """

    rows: EvaluationSet
    task: Task
    loss: keras.losses.Loss

    def metrics(self) -> dict[str, float]:
        """Return the loss and the metrics of the model, with thresholds fitted on these rows.

        A metric that is not defined, such as mAP without any label, is NaN.

        Raises:
            DivergenceError: if logits are not finite.
        """
        labels, logits = self.rows.labels, self.rows.logits()
        check_logits(logits, "validation")
        metrics = self.task.metrics(labels, logits, self.task.fit(labels, logits))
        loss = float(self.loss(labels.astype(np.float32), logits))
        return {"loss": loss} | {name: np.nan if value is None else value for name, value in metrics.items()}
