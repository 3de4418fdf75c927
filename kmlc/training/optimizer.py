"""The optimizer: AdamW, with EMA weights and gradient accumulation where the settings ask for them."""

from functools import partial

import keras

from kmlc.config import TrainConfig
from kmlc.training.adamw import FusedAdamW
from kmlc.training.ema import EMAAdamW


def build_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Return the optimizer that the settings describe.

    Example:
        model.compile(build_optimizer(TrainConfig(learning_rate=0.001, ema=0.999)), loss)
    """
    # On PyTorch Keras has a faster AdamW of its own.
    plain = FusedAdamW if keras.backend.backend() == "tensorflow" else keras.optimizers.AdamW
    adamw = partial(EMAAdamW, config.ema) if config.ema else plain
    return adamw(
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        gradient_accumulation_steps=config.accumulation if config.accumulation > 1 else None,
    )
