"""What follows from a run's history: its best epoch, whether to stop, the learning rate.

Nothing else remembers these, so a resumed run needs only the history to go on as if it was never stopped.
"""

from kmlc.config import Config, TrainConfig
from kmlc.tasks.task import Task

History = list[dict[str, float]]
"""The figures of each finished epoch, by name."""


NOTHING = "nothing"
"""In place of a figure's name: every epoch counts as better than those before."""


def monitored(config: Config, task: Task) -> str:
    """Return the name, in a history, of the figure that picks the best epoch."""
    return {"objective": f"val_{task.objective}", "loss": "val_loss", "nothing": NOTHING}[
        config.train.monitor
    ]


def best_epoch(history: History, figure: str) -> int:
    """Return the number, from 0, of the first epoch with the best figure: the lowest loss, or the highest.

    If nothing is monitored it is the last.

    Example:
        best_epoch([{"val_micro_f1": 0.5}, {"val_micro_f1": 0.7}], "val_micro_f1")  # 1
    """
    if figure == NOTHING:
        return len(history) - 1
    values = [epoch[figure] for epoch in history]
    return values.index(min(values) if figure == "val_loss" else max(values))


def should_stop(history: History, figure: str, patience: int) -> bool:
    """Return whether the last `patience` epochs brought no better figure; a patience of 0 never stops."""
    return bool(patience and history) and len(history) - 1 - best_epoch(history, figure) >= patience


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
