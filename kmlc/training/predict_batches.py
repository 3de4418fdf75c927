"""`keras.Model.predict` on batches of any size, traced once, with progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kmlc.data.batches import unreadable_images
from kmlc.progress import ProgressBar


def predict_batches(
    model: keras.Model, batches: tf.data.Dataset, progress: keras.callbacks.Callback
) -> np.ndarray:
    """Return the outputs of a model for all rows of a dataset, in order.

    Args:
        model: with one output.
        batches: its inputs by name.
        progress: a callback of the prediction.

    Raises:
        UserError: if an image cannot be read any more.

    Example:
        predict_batches(model, batches, PredictionProgress(len(batches), 32))
    """
    with unreadable_images(), _one_by_one(model):
        trace_prediction(model, batches.element_spec)
        return model.predict(batches, verbose=0, callbacks=[progress])


@contextmanager
def _one_by_one(model: keras.Model) -> Iterator[None]:
    """Predict each batch by itself, as it is traced, whatever number of steps the model is trained in."""
    in_training, model.steps_per_execution = model.steps_per_execution, 1
    try:
        yield
    finally:
        model.steps_per_execution = in_training


def trace_prediction(model: keras.Model, batch: Any) -> None:
    """Trace the prediction of a model for batches of a specification, unless it is traced for them already.

    Keras leaves that to the first batch: its function is traced for the size of this batch and, once another
    has another size, again for any. TensorFlow counts the traces of all models together, and warns of five.

    Args:
        model: of any backend; others than TensorFlow trace nothing here.
        batch: `tf.TensorSpec`s, nested as the batch is.
    """
    if keras.backend.backend() == "tensorflow":
        model.make_predict_function()
        model.predict_function.get_concrete_function([batch])


class PredictionProgress(keras.callbacks.Callback):
    """Shows the progress of prediction; one may serve several calls of `predict`.

    Args:
        steps: batches of all calls together.
        batch_size: rows of a batch.
        description: what the prediction is for.
    """

    def __init__(self, steps: int, batch_size: int, description: str = "predicting") -> None:
        super().__init__()
        self.bar = ProgressBar(steps, f"{description}: step", step=batch_size)

    def on_predict_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar."""
        self.bar.update()

    def on_predict_end(self, logs: dict[str, float] | None = None) -> None:
        """Remove the bar after the last step."""
        if self.bar.n == self.bar.total:
            self.bar.close()
