"""What follows from a run's history: its best epoch, whether to stop, the learning rate.

Nothing else remembers these, so a resumed run needs only the history to go on as if it was never stopped.
"""

from kmlc.config import Config, TrainConfig
from kmlc.tasks.task import Task

History = list[dict[str, float]]
"""The metrics of each finished epoch, by name."""


NOTHING = "nothing"
"""In place of a metric's name: every epoch counts as better than those before."""


def monitored(config: Config, task: Task) -> str:
    """Return the name, in a history, of the metric that picks the best epoch."""
    return {"objective": f"val_{task.objective}", "loss": "val_loss", "nothing": NOTHING}[
        config.train.monitor
    ]


def best_epoch(history: History, metric: str) -> int:
    """Return the number, from 0, of the first epoch with the best metric: the lowest loss, or the highest.

    If nothing is monitored it is the last.

    Example:
        best_epoch([{"val_micro_f1": 0.5}, {"val_micro_f1": 0.7}], "val_micro_f1")  # 1
    """
    if metric == NOTHING:
        return len(history) - 1
    values = [epoch[metric] for epoch in history]
    return values.index(min(values) if metric == "val_loss" else max(values))


def should_stop(history: History, metric: str, patience: int) -> bool:
    """Return whether the last `patience` epochs brought no better metric; a patience of 0 never stops."""
    return bool(patience and history) and len(history) - 1 - best_epoch(history, metric) >= patience


def learning_rate(history: History, config: TrainConfig) -> float:
    """Return the learning rate after the epochs of the history: lowered whenever the loss stays on a plateau.

    As Keras's ReduceLROnPlateau on `val_loss` with `min_delta=0`: after `plateau_patience` epochs without a
    lower loss the rate is multiplied by `plateau_factor`, and the count begins again.
    """
    rate, lowest, waited = config.learning_rate, float("inf"), 0
    for epoch in history:
        if epoch["val_loss"] < lowest:
            lowest, waited = epoch["val_loss"], 0
            continue
        waited += 1
        if config.plateau_patience and waited >= config.plateau_patience:
            rate, waited = rate * config.plateau_factor, 0
    return rate
