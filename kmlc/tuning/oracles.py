"""KerasTuner's four searches, resumable after a kill; the driver asks for trials and tells their results.

KerasTuner 1.4.8 keeps the grid's order and queue in memory only: a reloaded search ends early or with a
KeyError. A trial enters that queue when it ends, not when it starts, so that several slots stay empty. Its
state is spread over many files, each written in place and before the change is complete: a kill can lose a
trial, repeat a finished one, or leave a file that cannot be read. Here the grid hands out its trials by their
places, and the whole state is one file, replaced after each change. No search ends because three trials in a
row failed.
"""

import itertools
import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine.hyperparameters import Choice
from keras_tuner.engine.trial import Trial, TrialStatus

from kmlc.errors import UserError
from kmlc.tuning.grid import EPOCHS, Grid, Range, Values, shares
from kmlc.tuning.study import Study, StudyConfig

HYPERBAND_EPOCHS = "tuner/epochs"


class ResumableOracle(keras_tuner.Oracle):
    """An oracle whose whole state, trials included, is one file.

    Attributes:
        trials: every trial that was started, by its id.
        ongoing_trials: the running trials, by the tuner ids of their slots.
    """

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]
    end_order: list[str]
    _retry_queue: list[str]

    def __init__(self, **options: Any) -> None:
        super().__init__(max_consecutive_failed_trials=sys.maxsize, **options)
        self.verbose = 0
        # Draws in a row of values tried before, after which the space counts as exhausted; with KerasTuner's
        # 20, trials of a small space are missed.
        self._max_collisions = 1000

    def open(self, study: Study) -> None:
        """Keep the state in a file of the study; if there is one, load it, and run its running trials again.

        Raises:
            UserError: if it is damaged or another study's.
        """
        self._study = study
        if not study.oracle.exists():
            return
        state = study.read(study.oracle)
        trials = [Trial.from_state(each) for each in state["trials"]]
        self.trials = {trial.trial_id: trial for trial in trials}
        self.set_state(state)
        self._run_again(trial.trial_id for trial in self.ongoing_trials.values())
        self.ongoing_trials = {}

    def run_lost(self, ended: Mapping[int, Values]) -> None:
        """Run the trials again that ended, but of which `ended` does not have the values, by number."""
        lost = [each for each in self.end_order if ended.get(int(each) + 1) != values_of(self.trials[each])]
        self.end_order = [each for each in self.end_order if each not in lost]
        self._run_again(lost)

    def _run_again(self, trials: Iterable[str]) -> None:
        # The last in the queue is the first to be run again.
        self._retry_queue = sorted({*self._retry_queue, *trials}, key=int, reverse=True)

    def ask(self, slot: int) -> tuple[int, Values] | None:
        """Return the number, from 1, and the values of the next trial for a free slot.

        It is None if there is no trial until a running one ends, or at all if none is running.
        """
        trial = self.create_trial(str(slot))
        if trial.status != TrialStatus.RUNNING:
            return None
        self._write()
        return int(trial.trial_id) + 1, values_of(trial)

    def tell(self, slot: int, metric: float | None) -> None:
        """End the trial of a slot; without a finite metric, its objective, it counts as failed."""
        trial = self.ongoing_trials[str(slot)]
        trial.status = TrialStatus.FAILED
        if metric is not None and math.isfinite(metric):
            self.update_trial(trial.trial_id, {self.objective.name: metric})
            trial.status = TrialStatus.COMPLETED
        self.end_trial(trial)
        self._write()

    def save(self) -> None:
        """Do nothing: KerasTuner calls this in the middle of a change."""

    def _save_trial(self, trial: Trial) -> None:
        """Do nothing: trials are part of the one file."""

    def _write(self) -> None:
        trials = [self.trials[each].get_state() for each in self.start_order]
        self._study.write(self._study.oracle, self.get_state() | {"trials": trials})


class GridOracle(ResumableOracle):
    """The trials of a grid; the id of a trial is its place among them, from 0.

    The first trial that is left comes next. One that continues a running trial waits while there is another
    one, because its first epochs would be trained twice.
    """

    def __init__(self, grid: Grid, **options: Any) -> None:
        super().__init__(**options)
        self._grid = grid

    def ask(self, slot: int) -> tuple[int, Values] | None:
        """Return the number and the values of the next trial, or None."""
        running = {trial.trial_id: values_of(trial) for trial in self.ongoing_trials.values()}
        given = {*running, *self.end_order}
        left = [place for place in range(self.max_trials) if str(place) not in given]

        def is_better_later(place: int) -> bool:
            return any(shares(shorter, self._grid.trial(place)) for shorter in running.values())

        if left:
            place = next(itertools.filterfalse(is_better_later, left), left[0])
            trial = Trial(self.get_space(), str(place))
            values = self._grid.trial(place)
            trial.hyperparameters.values = {key: json.dumps(value) for key, value in values.items()}
            if self.trials.setdefault(trial.trial_id, trial) is trial:
                self.start_order.append(trial.trial_id)
            self._retry_queue = [trial.trial_id]
        return super().ask(slot)


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


def build_oracle(config: StudyConfig, max_epochs: int, seed: int) -> ResumableOracle:
    """Return the oracle of a search.

    Args:
        config: the search.
        max_epochs: maximum number of epochs of a trial, for Hyperband, which sets the epochs itself.
        seed: of the random draws, 0 or above.

    Raises:
        UserError: if the search cannot work on such a grid.
    """
    grid = config.grid
    options = {
        "objective": keras_tuner.Objective(grid.objective, grid.direction),
        "hyperparameters": _space(grid.axes()),
        "seed": seed + 1,  # KerasTuner takes 0 for none.
    }
    if config.search == "grid":
        return GridOracle(grid, max_trials=config.trial_count, **options)
    if config.search == "hyperband":
        return _hyperband(config, max_epochs, options)
    oracle = {"random": RandomOracle, "bayesian": BayesianOracle}[config.search]
    return oracle(max_trials=config.max_trials, **options)


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
            draw = space.Int if axis.whole else space.Float
            draw(key, axis.min, axis.max, sampling="log" if axis.log else "linear")
        else:
            space.Choice(key, [json.dumps(value) for value in axis])
    return space


def _hyperband(config: StudyConfig, max_epochs: int, options: dict[str, Any]) -> HyperbandOracle:
    if EPOCHS in config.grid.vary:
        raise UserError(f"search hyperband: {EPOCHS} must not vary; the search sets it")
    oracle = HyperbandOracle(max_epochs=max_epochs, **options)
    oracle.max_trials = config.max_trials
    # With fewer trials than its first round KerasTuner stops after it.
    needed = oracle._get_size(oracle._current_bracket, 0)
    axes = config.grid.vary.values()
    count = math.prod(needed if isinstance(axis, Range) else len(axis) for axis in axes)
    if count < needed:
        raise UserError(
            f"search hyperband: {max_epochs} epochs need at least {needed} trials; the values make {count}"
        )
    return oracle
