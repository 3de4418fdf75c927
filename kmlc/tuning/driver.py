"""The driver's side of a trial: its record, the job for a worker, and what is done when it ends.

The driver alone writes the files of a study; a worker writes into run directories.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from kmlc.errors import UserError
from kmlc.tasks.shared_rows import SharedRows
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_metrics import run_metrics
from kmlc.tuning.grid import EPOCHS, Values
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work
from kmlc.tuning.progress import StudyProgress
from kmlc.tuning.records import TrialRun, beside, started_runs
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
        running: the trials that were begun and have not ended, with each seed, by number.
    """

    study: Study
    config: StudyConfig
    options: Options
    rows: SharedRows
    progress: StudyProgress
    report: TrialReport
    running: dict[int, list[TrialRun]] = field(default_factory=dict)

    def begin(self, number: int, values: Values) -> Work:
        """Record that a trial begins, and return the work of training it.

        Raises:
            UserError: if the trial was recorded with other values, or a file cannot be written.
        """
        self._forget_failed(number, values)
        trials = [
            TrialRun(RunDirectory(self.study.trial(number, seed)), number, values, seed)
            for seed in self.config.seeds_of(values)
        ]
        for trial in trials:
            trial.save(self.study)
        self.running[number] = trials
        try:
            config = self.config.config(values)
        except UserError as error:  # values that do not go together
            return partial(Outcome, error=str(error))
        configs = [replace(config, seed=trial.seed, run=str(trial.run.path)) for trial in trials]
        name = f"trial {number}" + (f" of {self.config.trial_count}" if self.config.trial_count else "")
        shorter = [self._shorter(trial) for trial in trials]
        job = Job(name, tuple(configs), tuple(shorter), self.rows, self.study.path, self.study.identity)
        return partial(train_trial, job)

    def end(self, number: int, outcome: Outcome) -> None:
        """Record how a trial ended, write results.csv, and say it."""
        trials = self.running.pop(number)
        finished = [trial for trial in trials if trial.run.finished]
        for trial in finished:
            replace(trial, metrics=run_metrics(trial.run)).save(self.study)
        if outcome.error:
            failed = next((trial for trial in trials if trial not in finished), trials[0])
            replace(failed, error=outcome.error).save(self.study)
            with beside(failed.run, ".txt").open("a", encoding="utf-8") as output:
                output.write(outcome.details)
        else:
            self.report(number, trials[0].values, outcome.metrics)
        self.progress.ended(number)
        drop_weights(self.study, self.config, self.options.keep, self.options.share)

    def _forget_failed(self, number: int, values: Values) -> None:
        """Forget a trial that failed, with all its seeds: it is trained as a new one."""
        earlier = [trial for trial in started_runs(self.study) if trial.number == number]
        for trial in earlier:
            if trial.values != values:
                raise UserError(
                    f"{trial.run.path}: this trial was started with {trial.values}, "
                    f"the search asks for {dict(values)}; start another study with --run"
                )
            if any(each.error for each in earlier):
                shutil.rmtree(trial.run.path, ignore_errors=True)

    def _shorter(self, trial: TrialRun) -> Path | None:
        """Return the finished run with the most epochs that a trial can continue."""
        if not self.options.share:
            return None
        shorter = [
            other
            for other in started_runs(self.study)
            if other.run.finished
            and other.run.best_state.is_file()
            and other.seed == trial.seed
            and self.config.shares(other.values, trial.values)
        ]
        return max(shorter, key=lambda other: other.values[EPOCHS]).run.path if shorter else None
