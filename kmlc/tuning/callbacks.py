"""The two callbacks of a trial: one keeps its time, one shows how far it is."""

import time

import keras

from kmlc.progress import ProgressLine, duration
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.records import read_seconds, write_seconds

Logs = dict[str, float]


class EpochSeconds(keras.callbacks.Callback):
    """Keeps how long each epoch took, validation and saving included, in the run directory.

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
    """Shows the trial, epoch and step on a terminal, in a line that moves.

    Args:
        trial: what to call the trial, such as "trial 3 of 16".
        epochs: most epochs of the trial.
    """

    def __init__(self, trial: str, epochs: int) -> None:
        super().__init__()
        self.trial, self.epochs = trial, epochs
        self.line = ProgressLine()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self.epoch, self.began = epoch, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Move the line."""
        if self.line.due():
            done, steps = batch + 1, self.params["steps"]
            left = (time.monotonic() - self.began) / done * (steps - done)
            self.line.show(
                f"{self.trial}  epoch {self.epoch + 1}/{self.epochs}  step {done}/{steps}"
                f"  loss {(logs or {}).get('loss', float('nan')):.4f}  {duration(left)} left of the epoch"
            )

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Take the line away."""
        self.line.clear()
