"""The callbacks of a trial: one records the time of its epochs, one shows its progress."""

import sys
import time

import keras

from kmlc.progress import ProgressBar
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.records import read_seconds, write_seconds

Logs = dict[str, float]


class EpochSeconds(keras.callbacks.Callback):
    """Records the seconds of each epoch, validation and saving included, in the run directory.

    Args:
        run: where.
    """

    def __init__(self, run: RunDirectory) -> None:
        super().__init__()
        self.run = run

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop it."""
        seconds = read_seconds(self.run) | {str(epoch + 1): time.monotonic() - self.began}
        write_seconds(self.run, seconds)


class TrialProgress(keras.callbacks.Callback):
    """Shows the progress of a trial's epoch.

    Args:
        trial: what to call the trial, such as "trial 3 of 16".
        epochs: most epochs of the trial.
        batch_size: rows of a batch.
    """

    def __init__(self, trial: str, epochs: int, batch_size: int) -> None:
        super().__init__()
        self.trial, self.epochs, self.batch_size = trial, epochs, batch_size
        self.stream = sys.stdout  # what the training prints goes elsewhere

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the epoch's bar."""
        name = f"{self.trial}, epoch {epoch + 1}/{self.epochs}: step"
        self.bar = ProgressBar(self.params["steps"], name, step=self.batch_size, stream=self.stream)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Advance the bar."""
        self.bar.set_postfix_str(f"loss {(logs or {}).get('loss', float('nan')):.4f}", refresh=False)
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Remove the bar."""
        self.bar.close()
