"""KerasTuner's four searches, resumable after a kill; the driver asks for trials and tells their results.

KerasTuner 1.4.8 keeps the grid's order and queue in memory only: a reloaded search ends early or with a
KeyError. A trial enters that queue when it ends, not when it starts, so that several slots stay empty. Its
state is spread over many files, each written in place and before the change is complete: a kill can lose a
trial, repeat a finished one, or leave a file that cannot be read. Here the grid lists its trials at the start
and hands out those that are left, and the whole state is one file, replaced after each change. No search ends
because three trials in a row failed.
"""

import itertools
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.hyperparameters import Choice
from keras_tuner.engine.trial import Trial, TrialStatus

from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.tasks.task import Direction
from kmlc.tuning.grid import EPOCHS, Range, Values, shares
from kmlc.tuning.study import Search

HYPERBAND_EPOCHS = "tuner/epochs"


class ResumableOracle(keras_tuner.Oracle):
    """An oracle whose whole state, trials included, is one file `oracle.json`.

    Attributes:
        trials: every trial that was started, by its id.
        ongoing_trials: the running trials, by the tuner ids of their slots.
    """

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]

    def __init__(self, **options: Any) -> None:
        super().__init__(max_consecutive_failed_trials=sys.maxsize, **options)
        self.verbose = 0
        # Draws in a row of values tried before, after which the space counts as exhausted; with KerasTuner's
        # 20, trials of a small space are missed.
        self._max_collisions = 1000

    def open(self, folder: Path) -> None:
        """Keep the state in `folder` from now on; load it if there is one.

        Raises:
            UserError: if it cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._set_project_dir(str(folder), ".")
        if self._file.exists():
            self.reload()

    def ask(self, slot: int) -> tuple[int, Values] | None:
        """Return the number, from 1, and the values of the next trial for a free slot.

        Returns:
            None if there is no trial until a running one ends, or at all if none is running.

        Raises:
            UserError: if the disk refuses the state.
        """
        trial = self.create_trial(str(slot))
        if trial.status != TrialStatus.RUNNING:
            return None
        self._write()
        return int(trial.trial_id) + 1, values_of(trial)

    def tell(self, slot: int, metric: float | None) -> None:
        """End the trial of a slot.

        Args:
            slot: the slot.
            metric: its objective; the trial counts as failed with None, NaN or an infinity.

        Raises:
            UserError: if the disk refuses the state.
        """
        trial = self.ongoing_trials[str(slot)]
        trial.status = TrialStatus.FAILED
        if metric is not None and math.isfinite(metric):
            self.update_trial(trial.trial_id, {self.objective.name: metric})
            trial.status = TrialStatus.COMPLETED
        self.end_trial(trial)
        self._write()

    def give_up(self, slot: int) -> None:
        """Put the trial of a slot back; the next `ask` returns it."""
        self._retry_queue.append(self.ongoing_trials.pop(str(slot)).trial_id)
        self._write()

    def reload(self) -> None:
        """Load the state from the file; the trials that were running are run again."""
        try:
            state = read_json(self._file)
            trials = [Trial.from_state(each) for each in state["trials"]]
            self.trials = {trial.trial_id: trial for trial in trials}
            self.set_state(state)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"{self._file}: is not the whole state of this search ({type(error).__name__}: {reason}); "
                "delete the file and give the same command again: finished trials are in trials/ and are "
                "not trained again"
            ) from None
        # The last in the queue is the first to be run again.
        running = [trial.trial_id for trial in self.ongoing_trials.values()]
        self._retry_queue += sorted(running, key=int, reverse=True)
        self.ongoing_trials = {}

    def save(self) -> None:
        """Do nothing: KerasTuner calls this in the middle of a change."""

    def _save_trial(self, trial: Trial) -> None:
        """Do nothing: trials are part of the one file."""

    @property
    def _file(self) -> Path:
        return Path(self._get_oracle_fname())

    def _write(self) -> None:
        trials = [self.trials[each].get_state() for each in self.start_order]
        write_json(self._file, self.get_state() | {"trials": trials})


class GridOracle(ResumableOracle):
    """Every combination of the values; a trial's id is its place in `Grid.trials`, from 0.

    The first trial that is left comes next. One that continues a running trial waits while there is another
    one, because its first epochs would be trained twice.
    """

    def open(self, folder: Path) -> None:
        """Keep the state in `folder` from now on; trials that it does not hold are to come.

        Raises:
            UserError: if it cannot be read.
        """
        super().open(folder)
        space = self.get_space()
        combinations = itertools.product(*(axis.values for axis in space.space))
        digits = len(str(self.max_trials))
        for number, values in enumerate(itertools.islice(combinations, self.max_trials)):
            trial = Trial(space.copy(), f"{number:0{digits}d}", TrialStatus.IDLE)
            trial.hyperparameters.values = dict(zip((axis.name for axis in space.space), values, strict=True))
            self.trials.setdefault(trial.trial_id, trial)
        self.start_order = sorted(self.trials, key=int)

    def ask(self, slot: int) -> tuple[int, Values] | None:
        """Return the number and the values of the next trial, or None."""
        self._retry_queue = self._left()
        return super().ask(slot)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Say that no trial is left: those that are come out of the queue."""
        return {"status": TrialStatus.STOPPED, "values": None}

    def _left(self) -> list[str]:
        """Return the trials that were not handed out, the next one last, as in KerasTuner's queue."""
        running = {trial.trial_id: values_of(trial) for trial in self.ongoing_trials.values()}
        left = [each for each in self.start_order if each not in running and each not in self.end_order]

        def is_better_later(trial_id: str) -> bool:
            values = values_of(self.trials[trial_id])
            return any(shares(shorter, values) for shorter in running.values())

        return sorted(left, key=is_better_later)[::-1]


class RandomOracle(ResumableOracle, keras_tuner.oracles.RandomSearchOracle):
    """Values drawn at random, none twice."""


class BayesianOracle(ResumableOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Values that a Gaussian process fitted to the finished trials finds promising, none twice."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the values of the next trial."""
        # KerasTuner does not keep the state of this generator: after a reload others would be drawn.
        self._random_state.seed(self.seed + len(self.trials))
        response = super().populate_space(trial_id)
        if response["values"] is not None and self._duplicate(response["values"]):
            return self._random_populate_space()
        return response


class HyperbandOracle(ResumableOracle, keras_tuner.oracles.HyperbandOracle):
    """Many trials of few epochs, the best of which continue; Li et al., JMLR 18 (2018)."""


def build_oracle(
    search: Search,
    axes: Mapping[str, list[Any] | Range],
    objective: str,
    direction: Direction,
    trials: int | None,
    max_epochs: int,
    seed: int,
) -> ResumableOracle:
    """Return the oracle of a search.

    Args:
        search: how the next trial is found.
        axes: the values, or the range, of each setting that varies, as `Grid.axes` gives them.
        objective: the metric that chooses the best trial.
        direction: whether lower or higher is better.
        trials: the most trials; None for all of a grid or of Hyperband.
        max_epochs: the most epochs of a trial, for Hyperband, which sets the epochs itself.
        seed: of the random draws, 0 or above.

    Raises:
        UserError: if the search cannot work on such axes.

    Example:
        build_oracle("grid", read_grid("report2").axes(), "micro_f1", "max", None, 3, seed=0)
    """
    options = {
        "objective": keras_tuner.Objective(objective, direction),
        "hyperparameters": _space(axes),
        "seed": seed + 1,  # KerasTuner takes 0 for none.
    }
    if search == "hyperband":
        return _hyperband(axes, max_epochs, trials, options)
    if search == "grid":
        return GridOracle(max_trials=trials, **options)
    if trials is None:
        raise UserError(f"search {search}: expected a number of trials; got none")
    oracle = {"random": RandomOracle, "bayesian": BayesianOracle}[search]
    return oracle(max_trials=trials, **options)


def values_of(trial: Trial) -> Values:
    """Return the values of a trial by dotted key; Hyperband's epochs as `train.epochs`."""
    values = trial.hyperparameters.values
    found = {
        each.name: json.loads(values[each.name]) if isinstance(each, Choice) else values[each.name]
        for each in trial.hyperparameters.space
    }
    return found | ({EPOCHS: values[HYPERBAND_EPOCHS]} if HYPERBAND_EPOCHS in values else {})


def _space(axes: Mapping[str, list[Any] | Range]) -> keras_tuner.HyperParameters:
    """Return KerasTuner's form of the axes.

    A list becomes a choice between JSON strings: KerasTuner's choices take no null, no lists and no mixed
    types, and turn true into 1.
    """
    space = keras_tuner.HyperParameters()
    for key, axis in axes.items():
        if isinstance(axis, Range):
            if axis.log and axis.min <= 0:
                raise UserError(f"vary: {key}: a logarithm needs a min above 0; got {axis.min}")
            draw = space.Int if axis.whole else space.Float
            draw(key, axis.min, axis.max, sampling="log" if axis.log else "linear")
        else:
            space.Choice(key, [json.dumps(value) for value in axis])
    return space


def _hyperband(
    axes: Mapping[str, list[Any] | Range], max_epochs: int, trials: int | None, options: dict[str, Any]
) -> HyperbandOracle:
    if EPOCHS in axes:
        raise UserError(f"search hyperband: {EPOCHS} must not vary; the search sets it")
    oracle = HyperbandOracle(max_epochs=max_epochs, **options)
    oracle.max_trials = trials
    # With fewer trials than its first round KerasTuner stops after it.
    needed = oracle._get_size(oracle._current_bracket, 0)
    lists = [axis for axis in axes.values() if not isinstance(axis, Range)]
    count = math.prod(map(len, lists))
    if len(lists) == len(axes) and count < needed:
        raise UserError(
            f"search hyperband: {max_epochs} epochs need at least {needed} trials; the values make {count}"
        )
    return oracle
