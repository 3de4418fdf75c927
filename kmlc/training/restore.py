"""A finished run restored to predict: settings, labels, thresholds and weights; no code is loaded."""

import functools
from dataclasses import dataclass

import keras

from kmlc.config import Config
from kmlc.data.caption_encoders import CaptionEncoder, caption_encoder
from kmlc.data.encoder_state import EncoderState, load_encoder_state
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.models.build import build_model
from kmlc.settings import load_config
from kmlc.tasks.task import Task, Thresholds
from kmlc.training import environment
from kmlc.training.checkpoint import load_weights
from kmlc.training.frozen import SplitModel, split_model
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory, check_finished
from kmlc.training.run_files import load_task, load_thresholds


@dataclass(frozen=True)
class TrainedRun:
    """A finished run, ready to predict.

    Attributes:
        config: its settings.
        task: its task, with its labels.
        thresholds: its thresholds, fitted on the validation rows.
        encode: its caption encoder.
        model: its model with the best epoch's weights; it returns logits.
        state: its encoder state.
    """

    config: Config
    task: Task
    thresholds: Thresholds
    encode: CaptionEncoder
    model: keras.Model
    state: EncoderState

    @functools.cached_property
    def parts(self) -> SplitModel:
        """The model as it was evaluated: frozen layers by themselves (`kmlc.training.frozen`)."""
        return split_model(self.model, self.config, self.state)


def restore(run: RunDirectory) -> TrainedRun:
    """Rebuild a finished run's model from its settings and load its weights.

    It predicts in the precision of its training, or in float32 where `train.precision` is auto and this
    machine would train in another.

    Raises:
        UserError: if the run is not finished, or one of its files is missing or changed.

    Example:
        trained = restore(newest_run(finished=True))
    """
    check_finished(run)
    config = load_config(verified(run.config))
    if not run.best_weights.exists():
        raise UserError(
            f"{run.best_weights}: missing; of a study's trials only the best keep their weights "
            "(tune --keep K)"
        )
    weights, task = verified(run.best_weights), load_task(run)
    thresholds, state = load_thresholds(run, task), load_encoder_state(verified(run.encoder))
    trained = read_json(verified(run.environment), dict).get("precision", "")
    with environment.dtype_policy(environment.prediction_precision(config.train, trained)):
        model = build_model(config, task.heads, state)
    model.jit_compile = environment.use_xla(config.train)  # Keras would turn XLA on, on CPUs too
    load_weights(weights, model)
    encode = caption_encoder(config.captions, state)
    return TrainedRun(config, task, thresholds, encode, model, state)
