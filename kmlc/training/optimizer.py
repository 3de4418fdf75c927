"""The optimizer: AdamW, with what the settings ask for."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras

from kmlc.config import TrainConfig
from kmlc.training.adamw import FusedAdamW
from kmlc.training.ema import EMAAdamW
from kmlc.training.schedule import Schedule


def build_optimizer(
    config: TrainConfig, factors: Sequence[float], schedule: Schedule | None
) -> keras.optimizers.Optimizer:
    """Return the optimizer that the settings describe.

    Args:
        config: the settings.
        factors: the factor of the learning rate of each trainable weight.
        schedule: the factor of the learning rate at each update; None is always 1.

    Example:
        config = TrainConfig(learning_rate=0.001, ema=0.999)
        model.compile(build_optimizer(config, rate_factors(model, config), schedule(config, rows)), loss)
    """
    arguments: dict[str, Any] = {
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "gradient_accumulation_steps": config.accumulation if config.accumulation > 1 else None,
    }
    is_plain = schedule is None and {*factors} <= {1.0} and not config.ema
    if is_plain and keras.backend.backend() != "tensorflow":
        return keras.optimizers.AdamW(**arguments)  # on PyTorch it is faster
    adamw = partial(EMAAdamW, config.ema) if config.ema else FusedAdamW
    return adamw(factors=factors, schedule=schedule, **arguments)
