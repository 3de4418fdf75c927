"""How long a training will take on this machine, measured on a few of its steps."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import keras
import numpy as np

from kmlc.config import Config
from kmlc.data.batches import evaluation_batches, training_batches, unreadable_images
from kmlc.data.caption_encoders import CaptionEncoder, caption_encoder
from kmlc.data.records import LabelledData
from kmlc.setting_flags import setting_types
from kmlc.settings import setting
from kmlc.tasks.registry import task_of
from kmlc.tasks.task import Task
from kmlc.training import environment
from kmlc.training.auto_settings import resolve_image_size
from kmlc.training.checkpoint import save_state, save_weights
from kmlc.training.compile import compiled_model, steps_per_execution
from kmlc.training.evaluation import EvaluationSet
from kmlc.training.frozen import SplitModel, split_model
from kmlc.training.prepare import PreparedData, prepare_data

SETTINGS_WITHOUT_COST = (
    "model",
    "run",
    "seed",
    "objective",
    "tower.dropout",
    "tower.transformer_dropout",
    "tower.dropouts",
    "captions.dropout",
    "fusion.dropout",
    "fusion.modality_dropout",
    "loss",
    "train.epochs",
    "train.learning_rate",
    "train.schedule",
    "train.warmup",
    "train.image_rate",
    "train.caption_rate",
    "train.layer_decay",
    "train.weight_decay",
    "train.monitor",
    "train.early_stopping",
    "train.plateau_patience",
    "train.plateau_factor",
    "thresholds",
)
"""Settings, and groups of settings, that hardly change the seconds of a step."""

STEPS = 20
"""Maximum number of steps, or of calls of several, that are timed, after the first."""
FEWEST_STEPS = 3
SECONDS = 5.0
"""Once `FEWEST_STEPS` have taken this long, no further step is timed."""

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Cost:
    """The seconds that a training takes.

    Attributes:
        start: once: to prepare the rows, build the model, trace its first step, and evaluate it at the end;
            without what frozen layers compute once for all trainings.
        epoch: for each epoch: its steps, its validation, and saving.
    """

    start: float
    epoch: float

    def seconds(self, epochs: int) -> float:
        """Return the seconds of a training with this number of epochs; early stopping is ignored."""
        return self.start + epochs * self.epoch


def cost_key(config: Config) -> Key:
    """Return the settings that the cost of a training depends on: equal keys, equal costs.

    Example:
        kinds = {cost_key(config): config for config in configs}
        costs = {key: measure_cost(config, data) for key, config in kinds.items()}
    """
    config = resolve_image_size(config)
    return tuple(
        (key, repr(setting(config, key)))
        for key in setting_types()
        if not {key, key.partition(".")[0]} & {*SETTINGS_WITHOUT_COST}
    )


def measure_cost(config: Config, data: LabelledData) -> Cost:
    """Train a few steps as `kmlc.training.train` does, and return the cost of the whole training.

    Nothing is written. As in `train`, the settings set the seed of the process.

    Args:
        config: the settings.
        data: the labelled rows; the time to read them is not counted.

    Raises:
        UserError: for settings or data that cannot be trained on.
    """
    with environment.for_training(config):
        return _measure_cost(config, data)


def _measure_cost(config: Config, data: LabelledData) -> Cost:
    began = time.perf_counter()
    prepared = prepare_data(config, data)
    config = prepared.config
    task = task_of(config, data.vocabulary)
    loss = task.loss(prepared.training.labels)
    model = compiled_model(prepared, task, loss, fresh=True)
    encode = caption_encoder(config.captions, prepared.encoder_state)
    built = time.perf_counter() - began

    parts = split_model(model, config, prepared.encoder_state)
    first, step = _step_seconds(parts, prepared, encode)
    first_evaluation, row = _row_seconds(parts, prepared, encode)
    metrics = _metrics_seconds(task, prepared.validation.labels)
    with tempfile.TemporaryDirectory() as folder:
        saving = _seconds(lambda: save_state(Path(folder) / "state.npz", model, []))
        saving_best = _seconds(lambda: save_weights(Path(folder) / "best.weights.h5", model))

    training, validation, test = len(prepared.training), len(prepared.validation), len(prepared.test)
    steps = training / config.train.batch_size
    evaluated = validation + test + (training if config.train.evaluate_training else 0)
    return Cost(
        start=built + first + first_evaluation + evaluated * row + metrics + saving_best,
        epoch=steps * step + validation * row + metrics + saving,
    )


def _step_seconds(parts: SplitModel, prepared: PreparedData, encode: CaptionEncoder) -> tuple[float, float]:
    """Return the extra seconds of the first step, and the seconds of a step."""
    config, training = prepared.config, prepared.training
    # More epochs, in case one has fewer batches than steps to time.
    many = replace(config, train=replace(config.train, epochs=STEPS + 1))
    values = parts.values_to_time(training, prepared.splits)
    batches, steps = training_batches(training, many, encode, values=values)
    timer = _StepTimer()
    together = steps_per_execution(parts.rest, config.train.batch_size, steps, values)
    parts.rest.steps_per_execution = together
    timed = together * (STEPS + 1)
    with unreadable_images():
        parts.rest.fit(batches, steps_per_epoch=timed, shuffle=False, verbose=0, callbacks=[timer])
    call = median(timer.seconds[1:])
    return max(0.0, timer.seconds[0] - call), call / together


def _row_seconds(parts: SplitModel, prepared: PreparedData, encode: CaptionEncoder) -> tuple[float, float]:
    """Return the extra seconds of the first evaluation, and the seconds of a row."""
    config, validation = prepared.config, prepared.validation
    rows = min(len(validation), FEWEST_STEPS * config.train.batch_size)
    some = validation.take(np.arange(rows))
    values = parts.values_to_time(some, prepared.splits)
    batches = evaluation_batches(some, config, encode, values=values)
    evaluated = EvaluationSet(parts.rest, batches, some.labels)
    first, again = (_seconds(evaluated.logits) for _ in range(2))
    return max(0.0, first - again), again / rows


def _metrics_seconds(task: Task, labels: np.ndarray) -> float:
    """Return the seconds to fit the thresholds and compute the metrics of these rows."""
    logits = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    return _seconds(lambda: task.metrics(labels, logits, task.fit(labels, logits)))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _StepTimer(keras.callbacks.Callback):
    """Times each step, and ends the fit when enough are timed."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.before = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.before)
        self.before = now
        further = self.seconds[1:]
        self.model.stop_training = len(further) >= FEWEST_STEPS and sum(further) >= SECONDS
