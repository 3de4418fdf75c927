"""How long a study will take: a few steps of each kind of trial are trained, and the rest is arithmetic."""

import heapq
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import keras
import numpy as np

from kmlc.config import Config
from kmlc.data.batches import evaluation_batches, training_batches
from kmlc.data.captions import Encode, caption_encoder
from kmlc.data.records import LabelledData, Records
from kmlc.settings import setting, setting_types
from kmlc.tasks.registry import task_of
from kmlc.tasks.task import Task
from kmlc.training import environment
from kmlc.training.branches import check_branches
from kmlc.training.checkpoint import save_state, save_weights
from kmlc.training.compiled import compiled_model
from kmlc.training.evaluation import EvaluationSet
from kmlc.training.prepare import prepare_data
from kmlc.training.resolve import resolve_image_size

SPEED_NEUTRAL = (
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
    "train.weight_decay",
    "train.monitor",
    "train.early_stopping",
    "train.plateau_patience",
    "train.plateau_factor",
    "thresholds",
)
"""Settings, and groups of them, that change nothing worth mentioning in the seconds of a step."""

STEPS = 20
"""Steps that are timed, after the first."""
FEWEST_STEPS = 3
SECONDS = 5.0
"""No further step is timed after so long, if there are the fewest."""

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Cost:
    """What a trial costs, in seconds.

    Attributes:
        start: once: preparing the rows, building the model, what its first step takes longer, and judging it
            at the end.
        epoch: each epoch: its steps, its validation, and saving.
    """

    start: float
    epoch: float


def cost_key(config: Config) -> Key:
    """Return what the cost of a trial depends on; those with the same need measuring once.

    Example:
        kinds = {cost_key(config): config for config in configs}
        costs = {key: measure_cost(config, data) for key, config in kinds.items()}
    """
    return _key(config, SPEED_NEUTRAL)


def measure_cost(config: Config, data: LabelledData) -> Cost:
    """Train a few steps, as `kmlc.training.train` would, and return what the whole would cost here.

    Nothing of it is kept. As in `train`, seed and precision of the process are set by the settings.

    Args:
        config: the settings.
        data: the labelled rows; reading them is not counted.

    Raises:
        UserError: for settings or data that cannot be trained on.
    """
    begun = time.perf_counter()
    environment.set_up(config)
    prepared = prepare_data(config, data)
    config = prepared.config
    check_branches(config, data.vocabulary)
    task = task_of(config, data.vocabulary)
    loss = task.loss(prepared.training.labels)
    model = compiled_model(config, task, prepared, loss, fresh=True)
    encode = caption_encoder(config.captions, prepared.encoder_state)
    built = time.perf_counter() - begun

    first, step = _step_seconds(model, prepared.training, config, encode)
    first_share, row = _row_seconds(model, prepared.validation, config, encode)
    metrics = _metrics_seconds(task, prepared.validation.labels)
    with tempfile.TemporaryDirectory() as folder:
        saving = _seconds(
            lambda: save_weights(Path(folder) / "best.weights.h5", model),
            lambda: save_state(Path(folder) / "state.npz", model, []),
        )

    training, validation, test = len(prepared.training), len(prepared.validation), len(prepared.test)
    steps = training / config.train.batch_size
    evaluated = validation + test + (training if config.train.evaluate_training else 0)
    return Cost(
        start=built + first + first_share + evaluated * row + metrics,
        epoch=steps * step + validation * row + metrics + saving,
    )


def study_seconds(configs: Sequence[Config], costs: Mapping[Key, Cost], shared: bool, workers: int) -> float:
    """Return how long a study takes, at most: early stopping is not foreseen.

    A free worker takes the next trial, in the order of `kmlc.tuning.oracles.GridOracle`.

    Args:
        configs: the settings of each trial, in the order of the study.
        costs: for each `cost_key` among them, what such a trial costs a worker.
        shared: a trial goes on from the longest finished one that differs from it in fewer epochs alone, and
            costs its further epochs.
        workers: how many trials are trained at a time.
    """
    trials = [_Trial(_key(config, ("run", "train.epochs")), config) for config in configs]
    left, finished, now = list(trials), list[_Trial](), 0.0
    running: list[tuple[float, int, _Trial]] = []
    while left or running:
        while left and len(running) < workers:
            trial = min(left, key=lambda each: any(other.begins(each) for _, _, other in running))
            left.remove(trial)
            done = max((other.epochs for other in finished if shared and other.begins(trial)), default=0)
            cost = costs[cost_key(trial.config)]
            seconds = cost.start + (trial.epochs - done) * cost.epoch
            heapq.heappush(running, (now + seconds, len(left), trial))
        now, _, trial = heapq.heappop(running)
        finished.append(trial)
    return now


@dataclass(frozen=True, eq=False)
class _Trial:
    """A trial, and all of its settings but the epochs."""

    kind: Key
    config: Config

    @property
    def epochs(self) -> int:
        return self.config.train.epochs

    def begins(self, other: "_Trial") -> bool:
        """Return whether this is the first epochs of the other."""
        return self.kind == other.kind and self.epochs < other.epochs


def _key(config: Config, excluded: Sequence[str]) -> Key:
    """Return the settings, but for those, or groups of them, that are left out."""
    config = resolve_image_size(config)
    parts = {key: (key, key.partition(".")[0]) for key in setting_types()}
    return tuple(
        (key, repr(setting(config, key))) for key, names in parts.items() if not {*names} & {*excluded}
    )


def _step_seconds(
    model: keras.Model, training: Records, config: Config, encode: Encode
) -> tuple[float, float]:
    """Return what the first step takes longer, and what each takes."""
    # There may be fewer batches in an epoch than steps to time; then these go on into the next ones.
    many = replace(config, train=replace(config.train, epochs=STEPS + 1))
    batches, _ = training_batches(training, many, encode)
    timer = _StepTimer()
    model.fit(batches, steps_per_epoch=STEPS + 1, shuffle=False, verbose=0, callbacks=[timer])
    step = median(timer.seconds[1:])
    return max(0.0, timer.seconds[0] - step), step


def _row_seconds(
    model: keras.Model, validation: Records, config: Config, encode: Encode
) -> tuple[float, float]:
    """Return what the first validation takes longer, and what each takes for a row."""
    rows = min(len(validation), FEWEST_STEPS * config.train.batch_size)
    share = validation.take(np.arange(rows))
    evaluated = EvaluationSet(evaluation_batches(share, config, encode), share.labels)
    first, again = (_seconds(lambda: evaluated.logits(model)) for _ in range(2))
    return max(0.0, first - again), again / rows


def _metrics_seconds(task: Task, labels: np.ndarray) -> float:
    """Return what fitting the thresholds and taking the metrics of these rows takes."""
    logits = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    return _seconds(lambda: task.metrics(labels, logits, task.fit(labels, logits)))


def _seconds(*work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for each in work:
        each()
    return time.perf_counter() - begun


class _StepTimer(keras.callbacks.Callback):
    """Takes the time of each step, and ends the fit when there are enough."""

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
