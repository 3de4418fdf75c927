"""The best epoch of a run, and when to stop; both follow from the history alone.

Keras's `EarlyStopping` keeps its state in the callback and forgets it when a run is resumed.
"""

import math

from kmlc.config import Config
from kmlc.tasks.task import Task
from kmlc.training.history import History

NO_METRIC = "none"
"""Takes the place of a metric's name in `train.monitor: none`: the last epoch is always the best."""


def monitored(config: Config, task: Task) -> str:
    """Return the name, in a history, of the metric that picks the best epoch."""
    return {"objective": f"val_{task.objective}", "loss": "val_loss", "none": NO_METRIC}[config.train.monitor]


def best_epoch(history: History, metric: str) -> int:
    """Return the index of the epoch with the best metric; ties go to the earliest epoch.

    The lowest `val_loss` is the best; of any other metric the highest. A NaN is never better than a number.
    With `NO_METRIC` it is the last epoch.

    Example:
        best_epoch([{"val_micro_f1": 0.5}, {"val_micro_f1": 0.7}], "val_micro_f1")  # 1
    """
    if metric == NO_METRIC:
        return len(history) - 1
    sign = -1 if metric == "val_loss" else 1
    scores = [-math.inf if math.isnan(epoch[metric]) else sign * epoch[metric] for epoch in history]
    return scores.index(max(scores))


def should_stop(history: History, metric: str, patience: int) -> bool:
    """Return whether the last `patience` epochs brought no better metric; a patience of 0 never stops."""
    return bool(patience and history) and len(history) - 1 - best_epoch(history, metric) >= patience
