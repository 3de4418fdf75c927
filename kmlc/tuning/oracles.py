"""KerasTuner's four searches, made to go on after a kill.

Wrong in KerasTuner 1.4.8: the grid keeps its order and its queue in memory only, so that a reloaded search
ends early or with a KeyError; a trial enters that queue when it ends, not when it starts, so that several
workers stand idle; and the state lies in many files, each written in place and before the change is complete,
so that a kill can lose a trial, repeat a finished one, or leave a file that cannot be read. Changed here: the
grid lists its trials at the beginning and hands out those that are left, and everything lies in one file,
written whole after each change. Besides, no search is over while a trial runs, which another worker may have
to take up, and none ends because three trials in a row failed.
"""

import itertools
import json
import math
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras_tuner
from keras_tuner.engine.hyperparameters import Choice
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine.metrics_tracking import MetricsTracker

from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.tuning.grid import EPOCHS, Range, Values, shares
from kmlc.tuning.study import Search

HYPERBAND_EPOCHS = "tuner/epochs"


class ResumableOracle(keras_tuner.Oracle):
    """An oracle whose whole state, trials included, is one file `oracle.json`.

    Attributes:
        changing: held while the state changes and is written.
        trials: every trial that was started, by its id.
        ongoing_trials: the running trial of each worker.
    """

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]

    def __init__(self, **options: Any) -> None:
        super().__init__(max_consecutive_failed_trials=sys.maxsize, **options)
        self.verbose = 0
        self.changing = threading.RLock()
        # Draws of what was tried already, in a row, before the space counts as exhausted; 20 miss small ones.
        self._max_collisions = 1000

    def open(self, folder: Path) -> None:
        """Keep the state in `folder` from now on, and take it from there if there is one.

        Raises:
            UserError: if it cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._set_project_dir(str(folder), ".")
        if self._file.exists():
            self.reload()

    def create_trial(self, tuner_id: str) -> Trial:
        """Return the next trial for a worker, or an empty one that says to wait or to stop.

        Raises:
            UserError: if the disk refuses the state.
        """
        with self.changing:
            trial = super().create_trial(tuner_id)
            if trial.status == TrialStatus.RUNNING:
                self._write()
            elif trial.status == TrialStatus.STOPPED and self.ongoing_trials:
                trial.status = TrialStatus.IDLE  # A running trial may yet be lost, and need a worker.
            return trial

    def end_trial(self, trial: Trial) -> None:
        """Score a trial that ended.

        Raises:
            UserError: if the disk refuses the state.
        """
        with self.changing:
            # Those that come from a worker have bounds in 32 bits and stand in another order.
            trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
            super().end_trial(trial)
            self._write()

    def give_up(self, tuner_id: str) -> None:
        """Take a lost worker's running trial, if it has one, from it; the next worker that asks gets it."""
        with self.changing:
            trial = self.ongoing_trials.pop(tuner_id, None)
            self.tuner_ids.discard(tuner_id)
            if trial is not None:
                self._try_again(trial)
                self._write()

    def reload(self) -> None:
        """Take the state from the file; what was running then is run again."""
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
        for trial in sorted(self.ongoing_trials.values(), key=lambda each: int(each.trial_id), reverse=True):
            self._try_again(trial)
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

    def _try_again(self, trial: Trial) -> None:
        trial.metrics = MetricsTracker()  # KerasTuner would average what it reported with what is to come.
        self._retry_queue.append(trial.trial_id)


class GridOracle(ResumableOracle):
    """Every combination of the values; a trial's id is its place in `Grid.trials`, from 0.

    The first that is left comes next. One that would go on from a trial that is running waits while there is
    another, for its first epochs would be trained twice.
    """

    def open(self, folder: Path) -> None:
        """Keep the state in `folder` from now on; what it does not hold yet are trials to come.

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

    def create_trial(self, tuner_id: str) -> Trial:
        """Return the next trial for a worker, or an empty one that says to wait or to stop.

        Raises:
            UserError: if the disk refuses the state.
        """
        with self.changing:
            self._retry_queue = self._left()
            return super().create_trial(tuner_id)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Say that no trial is left: those that are come out of the queue."""
        return {"status": TrialStatus.STOPPED, "values": None}

    def _left(self) -> list[str]:
        """Return the trials that were not handed out, the next one last, as KerasTuner's queue has it."""
        running = {trial.trial_id: trial_of(trial) for trial in self.ongoing_trials.values()}
        left = [each for each in self.start_order if each not in running and each not in self.end_order]

        def is_better_later(trial_id: str) -> bool:
            trial = trial_of(self.trials[trial_id])
            return any(shares(shorter, trial) for shorter in running.values())

        return sorted(left, key=is_better_later)[::-1]


class RandomOracle(ResumableOracle, keras_tuner.oracles.RandomSearchOracle):
    """Values drawn by chance, none twice."""


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
    """Many trials of few epochs, of which the best go on; Li et al., JMLR 18 (2018)."""


def build_oracle(
    search: Search,
    axes: Mapping[str, list[Any] | Range],
    objective: str,
    direction: Literal["min", "max"],
    trials: int | None,
    max_epochs: int,
    seed: int,
) -> ResumableOracle:
    """Return the oracle of a search.

    Args:
        search: how the next trial is found.
        axes: the values, or the range, of each setting that varies, as `Grid.axes` gives them.
        objective: the metric that the best trial is the best by.
        direction: whether a lower or a higher one is better.
        trials: how many trials at most; None for all that there are, in a grid or in Hyperband.
        max_epochs: the most epochs of a trial, for Hyperband alone, which sets the epochs itself.
        seed: what chance depends on, 0 or above.

    Raises:
        UserError: if the search cannot go through such axes.

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
        for key, axis in axes.items():
            if isinstance(axis, Range):
                raise UserError(f"search grid: {key}: a range cannot be gone through; list its values")
        return GridOracle(max_trials=trials, **options)
    if trials is None:
        raise UserError(f"search {search}: expected a number of trials; got none")
    oracle = {"random": RandomOracle, "bayesian": BayesianOracle}[search]
    return oracle(max_trials=trials, **options)


def trial_of(trial: Trial) -> Values:
    """Return the values of a trial by dotted key; Hyperband's epochs as `train.epochs`."""
    values = trial.hyperparameters.values
    trial = {
        each.name: json.loads(values[each.name]) if isinstance(each, Choice) else values[each.name]
        for each in trial.hyperparameters.space
    }
    return trial | ({EPOCHS: values[HYPERBAND_EPOCHS]} if HYPERBAND_EPOCHS in values else {})


def _space(axes: Mapping[str, list[Any] | Range]) -> keras_tuner.HyperParameters:
    """Return KerasTuner's form of the axes.

    A list becomes a choice between JSON texts: KerasTuner's choices know no null, no lists and no mixed
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
        raise UserError(f"search hyperband: {EPOCHS} must not vary: the search sets it")
    oracle = HyperbandOracle(max_epochs=max_epochs, **options)
    oracle.max_trials = trials
    # With fewer trials than its first round KerasTuner ends there, and none ever goes on.
    needed = oracle._get_size(oracle._current_bracket, 0)
    lists = [axis for axis in axes.values() if not isinstance(axis, Range)]
    trials = math.prod(map(len, lists))
    if len(lists) == len(axes) and trials < needed:
        raise UserError(
            f"search hyperband: {max_epochs} epochs need {needed} trials at least; the values make {trials}"
        )
    return oracle
