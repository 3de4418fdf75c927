"""The learning rate of the next epoch, before warm-up and cosine; it follows from the history alone."""

from kmlc.config import TrainConfig
from kmlc.training.history import History


def learning_rate(history: History, config: TrainConfig) -> float:
    """Return the learning rate after the epochs of the history: lowered when `val_loss` is on a plateau.

    The rule of Keras's `ReduceLROnPlateau` on `val_loss` with `min_delta=0`: after `plateau_patience` epochs
    without a lower loss the rate is multiplied by `plateau_factor`, and the count starts again. Only with
    `schedule: plateau`; warm-up and cosine are factors of this rate (`kmlc.training.schedule`).

    Example:
        learning_rate([{"val_loss": 0.5}, {"val_loss": 0.6}], TrainConfig(plateau_patience=1))  # 0.0005
    """
    rate, lowest, waited = config.learning_rate, float("inf"), 0
    for epoch in history:
        if epoch["val_loss"] < lowest:
            lowest, waited = epoch["val_loss"], 0
            continue
        waited += 1
        if config.schedule == "plateau" and config.plateau_patience and waited >= config.plateau_patience:
            rate, waited = rate * config.plateau_factor, 0
    return rate
