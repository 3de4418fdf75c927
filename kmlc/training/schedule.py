"""The schedule within a training: a factor of the learning rate at each update."""

import math
from dataclasses import dataclass
from typing import Any

from keras import ops

from kmlc.config import TrainConfig


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then constant, or half a cosine down to 0 (Loshchilov and Hutter, ICLR 2017).

    At update t (from 0) the factor is `min(1, (t + 1) / warmup)`, with `updates` multiplied by
    `(1 + cos(π · (t - warmup) / (updates - warmup))) / 2` from t = `warmup` on. It depends on nothing else:
    the optimizer's count of updates is all that a resumed run needs. Steps that only accumulate gradients, or
    that loss scaling skips, are no updates.

    Attributes:
        warmup: updates of the warm-up; need not be whole.
        updates: all updates of the training; None is constant.
    """

    warmup: float
    updates: float | None = None

    def __call__(self, update: Any) -> Any:
        """Return the factor at an update, a float32 scalar.

        Example:
            Schedule(warmup=4)(0)  # 0.25
        """
        update = ops.cast(update, "float32")
        factor = ops.minimum((update + 1) / max(self.warmup, 1.0), 1.0)
        if self.updates is None:
            return factor
        done = ops.clip((update - self.warmup) / (self.updates - self.warmup), 0.0, 1.0)
        return factor * (1 + ops.cos(math.pi * done)) / 2


def schedule(config: TrainConfig, rows: int) -> Schedule | None:
    """Return the schedule that the settings describe, None for one whose factor is always 1.

    Args:
        config: the settings.
        rows: the training rows.

    Example:
        schedule(TrainConfig(schedule="cosine", warmup=0.5, epochs=2, batch_size=10), 100)  # 5 of 20 updates
    """
    if config.schedule == "plateau" and not config.warmup:
        return None
    updates = -(-rows // config.batch_size) / config.accumulation  # in an epoch, on average
    return Schedule(config.warmup * updates, config.epochs * updates if config.schedule == "cosine" else None)
