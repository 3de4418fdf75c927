"""A finished run restored to predict: settings, labels, thresholds and weights; no code is loaded."""

from dataclasses import dataclass

import keras

from kmlc.config import Config
from kmlc.data.caption_encoders import Encode, caption_encoder
from kmlc.data.encoder_state import load_encoder_state
from kmlc.errors import UserError
from kmlc.files import read_json, sha256
from kmlc.models.build import build_model
from kmlc.settings import load_config
from kmlc.tasks.task import Task, Thresholds
from kmlc.training import environment
from kmlc.training.checkpoint import load_weights
from kmlc.training.prepare import load_task
from kmlc.training.run_directory import RunDirectory, check_finished


@dataclass(frozen=True)
class TrainedRun:
    """A finished run, ready to predict.

    Attributes:
        config: its settings.
        task: its task, with its labels.
        thresholds: its thresholds, fitted on the validation rows.
        encode: its caption encoder.
        model: its model with the best epoch's weights; it returns logits.
    """

    config: Config
    task: Task
    thresholds: Thresholds
    encode: Encode
    model: keras.Model


def restore(run: RunDirectory) -> TrainedRun:
    """Rebuild a finished run's model from its settings and load its weights.

    Raises:
        UserError: if the run is not finished, or its weights are missing or changed.

    Example:
        trained = restore(newest_run(finished=True))
    """
    check_finished(run)
    config = load_config(run.config)
    if not run.best_weights.is_file():
        raise UserError(
            f"{run.best_weights}: missing; of a study's trials only the best keep their weights "
            "(tune --keep K)"
        )
    if sha256(run.best_weights) != read_json(run.metrics)["weights_sha256"]:
        raise UserError(f"{run.best_weights}: not the weights that the run finished with (sha256 differs)")
    keras.mixed_precision.set_dtype_policy(environment.precision(config.train))
    task, state = load_task(run), load_encoder_state(run.encoder)
    model = build_model(config, task.heads, state)
    load_weights(run.best_weights, model)
    encode = caption_encoder(config.captions, state)
    return TrainedRun(config, task, read_json(run.thresholds), encode, model)
