"""The callbacks of a fit: one records each epoch, one shows progress."""

import sys
import time

import keras

from kmlc.config import Config
from kmlc.markdown import metric_title
from kmlc.progress import ProgressBar, duration
from kmlc.tasks.task import Task
from kmlc.training.adamw import last_rate
from kmlc.training.checkpoint import save_best_state, save_state
from kmlc.training.divergence import check_loss
from kmlc.training.early_stopping import best_epoch, monitored, should_stop
from kmlc.training.ema import ema_weights
from kmlc.training.evaluation import Validation
from kmlc.training.history import History, write_history
from kmlc.training.learning_rate import learning_rate
from kmlc.training.run_directory import RunDirectory

Logs = dict[str, float]


class EpochRecorder(keras.callbacks.Callback):
    """At the end of an epoch validates, sets the learning rate and saves the state.

    The metrics are added to the epoch's logs, where later callbacks find them. Only history.csv is written
    after the state: a run that is killed before the state is saved repeats the epoch, with the same result.
    With `train.ema` the EMA weights are validated; the state has both. The time to save an epoch is in the
    seconds of the next one.

    Args:
        run: the run directory.
        config: the settings.
        history: the finished epochs; new ones are appended.
        validation: evaluates the validation rows.
        whole: the model to save; the one that is trained may be a part of it (`kmlc.training.frozen`).
    """

    def __init__(
        self, run: RunDirectory, config: Config, history: History, validation: Validation, whole: keras.Model
    ) -> None:
        super().__init__()
        self.run, self.config, self.history, self.validation = run, config, history, validation
        self.whole = whole

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start the clock."""
        self.start = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Raise `DivergenceError` at the first loss that is not finite."""
        check_loss((logs or {})["loss"], batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Record the epoch; raise `DivergenceError` if logits are not finite."""
        logs = {} if logs is None else logs
        optimizer = self.model.optimizer
        metric = monitored(self.config, self.validation.task)
        with ema_weights(self.whole):
            logs |= {f"val_{name}": value for name, value in self.validation.metrics().items()}
            logs["learning_rate"] = last_rate(optimizer)
            now = time.monotonic()
            seconds, self.start = now - self.start, now
            metrics = {name: float(value) for name, value in logs.items()}
        history = [*self.history, metrics | {"seconds": seconds}]
        optimizer.learning_rate = learning_rate(history, self.config.train)
        self.model.stop_training = should_stop(history, metric, self.config.train.early_stopping)
        started = self.run.manifest.started
        if best_epoch(history, metric) == epoch:
            save_best_state(self.run.best_state, self.run.checkpoint, self.whole, history, started)
        else:
            save_state(self.run.checkpoint, self.whole, history, started)
        # After the state is saved, so that the history never has an epoch that a resumed run does not find.
        self.history.append(history[-1])
        write_history(self.run.history, self.history)


class EpochBar(keras.callbacks.Callback):
    """Shows the progress of each epoch, where `sys.stdout` goes when it is made.

    Args:
        config: the settings.
        name: what is trained, such as "trial 3 of 16, ".
    """

    def __init__(self, config: Config, name: str = "") -> None:
        super().__init__()
        self.config, self.name, self.stream = config, name, sys.stdout

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the epoch's bar."""
        settings = self.config.train
        name = f"{self.name}epoch {epoch + 1}/{settings.epochs}: step"
        self.bar = ProgressBar(self.params["steps"], name, step=settings.batch_size, stream=self.stream)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Advance the bar; several steps may be trained in one call."""
        self.bar.set_postfix_str(f"loss {(logs or {}).get('loss', float('nan')):.4f}", refresh=False)
        self.bar.update(batch + 1 - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Remove the bar."""
        self.bar.close()


class Progress(EpochBar):
    """Shows the progress of each epoch, and prints a line at its end.

    Args:
        config: the settings.
        task: what the logits mean.
        history: the run's history, as `EpochRecorder` leaves it.
    """

    def __init__(self, config: Config, task: Task, history: History) -> None:
        super().__init__(config)
        self.task, self.history = task, history
        self.done_before = len(history)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start the clock of the run."""
        self.run_start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Replace the bar by the epoch's line."""
        super().on_epoch_end(epoch, logs)
        metrics, epochs = self.history[-1], self.config.train.epochs
        best = best_epoch(self.history, monitored(self.config, self.task)) == epoch
        objective = self.task.objective
        done = len(self.history) - self.done_before
        left = (time.monotonic() - self.run_start) / done * (epochs - len(self.history))
        print(
            f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"
            f"  loss {metrics['loss']:.4f}  val_loss {metrics['val_loss']:.4f}"
            f"  {metric_title(objective)} {metrics[f'val_{objective}']:.4f}{' *' if best else '  '}"
            f"  {metrics['seconds']:.0f} s"
            + ("" if self.model.stop_training or not left else f"  at most {duration(left)} left"),
            flush=True,
        )
