"""TensorBoard's HParams: each trial of a study as a line of its table."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from kmlc.errors import UserError
from kmlc.tuning.grid import Values


def write_hparams(folder: Path, name: str, values: Values, metrics: Mapping[str, float]) -> None:
    """Write a trial's settings and metrics to `tensorboard/<name>`, in place of what is there.

    `tensorboard --logdir` of the study's directory shows the trials under HParams.

    Args:
        folder: the study's directory.
        name: the trial's, such as "3-seed42".
        values: the settings that vary; a list or null is written as a text.
        metrics: what came of them.

    Raises:
        UserError: if the disk refuses.

    Example:
        write_hparams(Path("runs/my-study"), "3-seed42", {"train.epochs": 3}, {"micro_f1": 0.85})
    """
    path = folder / "tensorboard" / name
    try:
        if path.exists():
            shutil.rmtree(path)
        writer = tf.summary.create_file_writer(str(path))
        with writer.as_default(step=0):
            api.hparams({key: _value(value) for key, value in values.items()}, trial_id=name)
            for metric, score in metrics.items():
                tf.summary.scalar(metric, score)
        writer.close()
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{path}: could not be written: {' '.join(str(error).split())}") from error


def _value(value: Any) -> Any:
    """Return the value as one of the kinds that HParams has: bool, number, text."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)
