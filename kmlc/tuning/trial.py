"""One trial of a study: trained with each of its seeds, or taken from the disk where that is done."""

import shutil
import statistics
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass, replace

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.training.extend import continue_from
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train
from kmlc.tuning.callbacks import EpochSeconds, TrialProgress
from kmlc.tuning.grid import EPOCHS, Values, shares
from kmlc.tuning.memory import free_last_model
from kmlc.tuning.records import TrialRun, begun_runs, beside, read_seconds, write_seconds
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.study import Study, StudyConfig


class TrialFailed(Exception):
    """A trial that cannot be trained, where others may; the message is one line."""


@dataclass(frozen=True)
class TrialTrainer:
    """Trains the trials of a study, each into run directories of its own.

    Attributes:
        study: where.
        config: what is searched.
        rows: the data, read once.
        share: whether a trial goes on from one that differs from it in fewer epochs alone.
    """

    study: Study
    config: StudyConfig
    rows: SharedRows
    share: bool = True

    def __call__(self, number: int, values: Values) -> dict[str, float]:
        """Train a trial, or go on with it, and return the mean of its metrics over the seeds.

        What is finished is not trained again. A trial that fails leaves its error in its record.

        Args:
            number: the trial's, from 1.
            values: its values.

        Raises:
            TrialFailed: if it cannot be trained.
            UserError: if no trial can: the data cannot be read, the disk refuses, or the trial was begun with
                other values.
            OSError: if the disk refuses.
        """
        metrics = []
        for seed in self.config.seeds_of(values):
            trial = TrialRun(RunDirectory(self.study.trial(number, seed)), number, values, seed)
            _check_same(trial)
            if not trial.run.finished:
                self._train(trial)
            metrics.append(trial.metrics())
        return {name: statistics.fmean(each[name] for each in metrics) for name in metrics[0]}

    def _train(self, trial: TrialRun) -> None:
        config = replace(self.config.config(trial.values, trial.seed), run=str(trial.run.path))
        trial.save()
        if not trial.run.config.is_file():
            # What a stop has left of a beginning is no run that train would go on with.
            shutil.rmtree(trial.run.path, ignore_errors=True)
            if self.share:
                self._begin_as_shorter(trial, config)
        count = f" of {self.config.trial_count}" if self.config.trial_count else ""
        name = f"trial {trial.number}{count}"
        progress = TrialProgress(name, config.train.epochs, config.train.batch_size)
        free_last_model()
        data = None
        try:
            data = self.rows.read(config)
            with (
                beside(trial.run, ".txt").open("a", encoding="utf-8") as output,
                redirect_stdout(output),
            ):
                train(config, callbacks=[EpochSeconds(trial.run), progress], data=data)
        except Exception as error:
            of_all = data is None or isinstance(error.__cause__, OSError)
            if isinstance(error, OSError) or (isinstance(error, UserError) and of_all):
                raise
            with beside(trial.run, ".txt").open("a", encoding="utf-8") as output:
                traceback.print_exc(file=output)
            line = " ".join(str(error).split())[:300] or type(error).__name__
            replace(trial, error=line).save()
            raise TrialFailed(line) from error

    def _begin_as_shorter(self, trial: TrialRun, config: Config) -> None:
        """Begin a trial where the finished one ended that has the most epochs of those it shares."""
        shorter = [
            other
            for other in begun_runs(self.study)
            if other.run.finished
            and other.run.checkpoint.is_file()
            and other.seed == trial.seed
            and shares(other.values, trial.values)
        ]
        if shorter:
            longest = max(shorter, key=lambda other: other.values[EPOCHS])
            continue_from(longest.run, trial.run.path, config)
            write_seconds(trial.run, read_seconds(longest.run))


def _check_same(trial: TrialRun) -> None:
    record = beside(trial.run, ".json")
    if record.is_file() and (begun := read_json(record)["values"]) != trial.values:
        raise UserError(
            f"{trial.run.path}: this trial was begun with {begun}, the search asks for {dict(trial.values)}; "
            "begin another study with --run"
        )
