"""A search in one process: KerasTuner asks for trials, one after the other."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FailedTrialError, FatalError
from keras_tuner.src import config as tuner_config

from kmlc.errors import UserError
from kmlc.tuning.grid import Values
from kmlc.tuning.oracles import ResumableOracle, trial_of

RunTrial = Callable[[int, Values], Mapping[str, float]]
"""Trains a trial, by its number from 1 and its values by dotted key, and returns its metrics."""


class TrialTuner(BaseTuner):
    """KerasTuner's loop around `run_trial`.

    Args:
        oracle: says which trial is next, and keeps the record.
        folder: the directory of the study, where the oracle has its file; nothing else is written there.
        run_trial: trains a trial. A UserError or an OSError out of it ends the search; with any other
            exception, or an objective that is no finite number, the trial failed and the search goes on.
    """

    def __init__(self, oracle: keras_tuner.Oracle, folder: Path, run_trial: RunTrial) -> None:
        super().__init__(oracle, directory=str(folder), project_name=".")
        self._run_trial = run_trial

    def run_trial(self, trial: Trial, *arguments: Any, **options: Any) -> dict[str, float]:
        """Run a trial and return its objective."""
        objective = self.oracle.objective.name
        try:
            metric = self._run_trial(int(trial.trial_id) + 1, trial_of(trial))[objective]
        except (UserError, OSError) as error:
            raise FatalError(str(error)) from error  # KerasTuner takes any other for a failed trial.
        if not math.isfinite(metric):
            raise FailedTrialError(f"{objective} is {metric}")
        return {objective: metric}

    def run(self) -> None:
        """Run trials until there are no more; errors that end the search come out as they were raised."""
        tuner_config.DEBUG = False  # It prints the traceback of each failed trial.
        try:
            self.search()
        except FatalError as error:
            raise (error.__cause__ or error) from None

    def save(self) -> None:
        """Do nothing: the oracle has written its change, and the tuner has no state."""


def search(oracle: ResumableOracle, folder: Path, run_trial: RunTrial) -> None:
    """Run the trials of a search, or those that are left of it, in this process.

    Args:
        oracle: from `build_oracle`.
        folder: the directory of the study; the state is its `oracle.json`.
        run_trial: see `TrialTuner`.

    Raises:
        UserError: if the state cannot be read or written; or out of `run_trial`, as an OSError too.

    Example:
        search(build_oracle(...), Path("runs/mine"), lambda number, values: {"micro_f1": 0.9})
    """
    oracle.open(folder)
    TrialTuner(oracle, folder, run_trial).run()
