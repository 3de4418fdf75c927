"""TensorBoard's HParams: each trial of a study as a line of its table."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.api import hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from kmlc.errors import UserError


def write_hparams(folder: Path, name: str, values: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Write a trial's settings and metrics to `tensorboard/<name>`, in place of what is there.

    `tensorboard --logdir` of the study's directory shows the trials under HParams.

    Args:
        folder: the study's directory.
        name: the trial's, such as "3-seed42".
        values: the settings that vary; a list or null is written as a string.
        metrics: its metrics.

    Raises:
        UserError: if the file cannot be written.

    Example:
        write_hparams(Path("runs/my-study"), "3-seed42", {"train.epochs": 3}, {"micro_f1": 0.85})
    """
    path = folder / "tensorboard" / name
    try:
        if path.exists():
            shutil.rmtree(path)
        # TensorFlow's own writer would take memory of the GPU, which is the workers'.
        writer = EventFileWriter(str(path))
        settings = hparams_pb({key: _value(value) for key, value in values.items()}, trial_id=name)
        for summary in (settings, *(scalar_pb(metric, score) for metric, score in metrics.items())):
            writer.add_event(Event(wall_time=time.time(), step=0, summary=summary))
        writer.close()
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{path}: could not be written: {' '.join(str(error).split())}") from error


def _value(value: Any) -> Any:
    """Return the value as one of the types that HParams has: bool, number, string."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)
