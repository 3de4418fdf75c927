"""The history of a run: the metrics and the seconds of each finished epoch.

Patience, best epoch and learning rate are computed from it, so a resumed run needs no other state of them.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from kmlc.csv_file import write_csv

History = list[dict[str, float]]
"""The metrics of each finished epoch by name, and its `seconds`."""


def columns(metrics: Iterable[str]) -> list[str]:
    """Return what every epoch of a history has, given the metrics of the task."""
    return ["loss", "val_loss", *(f"val_{name}" for name in metrics), "learning_rate", "seconds"]


def write_history(path: Path, history: History) -> None:
    """Write history.csv: a row for each epoch, floats with all their digits."""
    table = pd.DataFrame(history)
    table.insert(0, "epoch", range(1, len(history) + 1))
    write_csv(path, table, float_format="%.17g")
