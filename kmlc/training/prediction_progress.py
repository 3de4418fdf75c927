"""Progress of `keras.Model.predict`."""

import keras

from kmlc.progress import ProgressBar


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
