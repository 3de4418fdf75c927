"""Every model on the built-in sample with small settings: its losses, its size, the time of a step.

    python -m benchmarks.models                   # all of them, in a table
    python -m benchmarks.models --model vgg16     # one or more of them

Each model is trained as `python train.py --model NAME --epochs 3 --images.size 32 --train.batch_size 32`
does (75 pixels for Inception v3, its minimum), in a process of its own. The time of a step is the median over
the last epoch.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import keras
import pandas as pd

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.files import read_json
from kmlc.settings import config_from_flags, model_names
from kmlc.training.train import train


class StepTimer(keras.callbacks.Callback):
    """Measures the time of each step of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Discard the times of the previous epoch; in the first one steps are traced and compiled."""
        self.seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop the clock."""
        self.seconds.append(time.perf_counter() - self.start)

    def median(self) -> float:
        """Return the median, in seconds."""
        return statistics.median(self.seconds)


@command
def main(argv: Sequence[str]) -> None:
    """Train each model and print its row."""
    parser = OneLineParser(description="Every model on the built-in sample, with small settings.")
    parser.add_argument("--model", nargs="+", choices=model_names(), help="only these")
    names = parser.parse_args(argv).model or model_names()
    print("| model | parameters | step, ms | train loss, first → last epoch | validation |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for line in pool.imap(measure, names):
            print(line, flush=True)


def measure(name: str) -> str:
    """Train a model and return its row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        return _measure(name, Path(folder))


def _measure(name: str, folder: Path) -> str:
    size = "75" if name == "inceptionv3" else "32"
    flags = ["--epochs", "3", "--train.batch_size", "32", "--images.size", size, "--run", str(folder / "run")]
    config = config_from_flags(["--model", name, *flags])
    with (folder / "log").open("w") as log, redirect_stdout(log):
        timer = StepTimer()
        run = train(config, callbacks=[timer])
    metrics, history = read_json(run.metrics), pd.read_csv(run.history)
    first, last = history["loss"].iloc[0], history["loss"].iloc[-1]
    objective = next(iter(metrics["validation"]))
    return (
        f"| {name} | {metrics['parameters']:,} | {1000 * timer.median():.0f} | {first:.4f} → {last:.4f} "
        f"| {objective.replace('_', ' ')} {metrics['validation'][objective]:.3f} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
