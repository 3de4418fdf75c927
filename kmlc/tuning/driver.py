"""The driver's side of a trial: its record, the job for a worker, and what is done when it ends.

The driver alone writes the files of a study; a worker writes into run directories.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.grid import EPOCHS, Values, shares
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work
from kmlc.tuning.progress import StudyProgress
from kmlc.tuning.records import TrialRun, beside, started_runs
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.study import Study, StudyConfig
from kmlc.tuning.trial import Job, train_trial

TrialReport = Callable[[int, Values, Mapping[str, float]], object]
"""Reports a finished trial, given its number, its values and its metrics."""


@dataclass(frozen=True)
class Driver:
    """Begins and ends the trials of a study.

    Attributes:
        rows: the labelled rows, for the workers to read.
        progress: what the user sees.
        report: called with each finished trial.
    """

    study: Study
    config: StudyConfig
    options: Options
    rows: SharedRows
    progress: StudyProgress
    report: TrialReport

    def begin(self, number: int, values: Values) -> Work:
        """Record that a trial begins, and return the work of training it.

        Raises:
            UserError: if the trial was recorded with other values, or a file cannot be written.
        """
        trials = [
            TrialRun(RunDirectory(self.study.trial(number, seed)), number, values, seed)
            for seed in self.config.seeds_of(values)
        ]
        for trial in trials:
            _check_same(trial)
            trial.save()
        try:
            config = self.config.config(values)
        except UserError as error:  # values that do not go together
            return partial(Outcome, error=str(error))
        configs = [replace(config, seed=trial.seed, run=str(trial.run.path)) for trial in trials]
        count = f" of {self.config.trial_count}" if self.config.trial_count else ""
        shorter = [self._shorter(trial) for trial in trials]
        return partial(train_trial, Job(f"trial {number}{count}", tuple(configs), tuple(shorter), self.rows))

    def end(self, number: int, outcome: Outcome) -> None:
        """Record how a trial ended, write results.csv, and say it."""
        trials = [trial for trial in started_runs(self.study) if trial.number == number]
        if outcome.error:
            failed = next((trial for trial in trials if not trial.run.finished), trials[0])
            replace(failed, error=outcome.error).save()
        else:
            self.report(number, trials[0].values, outcome.metrics)
        self.progress.ended(number)
        drop_weights(self.study, self.config, self.options.keep, self.options.share)

    def _shorter(self, trial: TrialRun) -> Path | None:
        """Return the finished run with the most epochs that a trial can continue."""
        if not self.options.share:
            return None
        shorter = [
            other
            for other in started_runs(self.study)
            if other.run.finished
            and other.run.checkpoint.is_file()
            and other.seed == trial.seed
            and shares(other.values, trial.values)
        ]
        return max(shorter, key=lambda other: other.values[EPOCHS]).run.path if shorter else None


def _check_same(trial: TrialRun) -> None:
    record = beside(trial.run, ".json")
    if record.is_file() and (started := read_json(record)["values"]) != trial.values:
        raise UserError(
            f"{trial.run.path}: this trial was started with {started}, "
            f"the search asks for {dict(trial.values)}; start another study with --run"
        )
