"""What a user sees while a model predicts."""

import time

import keras

from kmlc.progress import ProgressLine, duration


class PredictionProgress(keras.callbacks.Callback):
    """Shows on a terminal how far prediction is; one may serve several calls of `predict`.

    Args:
        steps: batches of all calls together.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.done, self.line, self.began = steps, 0, ProgressLine(), time.monotonic()

    def on_predict_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the line."""
        self.done += 1
        if self.line.due():
            left = (time.monotonic() - self.began) / self.done * (self.steps - self.done)
            self.line.show(f"predicting: step {self.done}/{self.steps}, {duration(left)} left")

    def on_predict_end(self, logs: dict[str, float] | None = None) -> None:
        """Take the line away."""
        self.line.clear()
