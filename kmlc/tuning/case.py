"""One case of a study: trained with each of its seeds, or taken from the disk where that is done."""

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
from kmlc.tuning.callbacks import CaseProgress, EpochSeconds
from kmlc.tuning.grid import EPOCHS, Values, shares
from kmlc.tuning.memory import free_last_model
from kmlc.tuning.records import CaseRun, begun_runs, beside, read_seconds, write_seconds
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.study import Study, StudyConfig


class CaseFailed(Exception):
    """A case that cannot be trained, where others may; the message is one line."""


@dataclass(frozen=True)
class CaseTrainer:
    """Trains the cases of a study, each into run directories of its own.

    Attributes:
        study: where.
        config: what is searched.
        rows: the data, read once.
        share: whether a case goes on from one that differs from it in fewer epochs alone.
    """

    study: Study
    config: StudyConfig
    rows: SharedRows
    share: bool = True

    def __call__(self, number: int, values: Values) -> dict[str, float]:
        """Train a case, or go on with it, and return the mean of its figures over the seeds.

        What is finished is not trained again. A case that fails leaves its error in its record.

        Args:
            number: the case's, from 1.
            values: its values.

        Raises:
            CaseFailed: if it cannot be trained.
            UserError: if no case can: the data cannot be read, the disk refuses, or the case was begun with
                other values.
            OSError: if the disk refuses.
        """
        figures = []
        for seed in self.config.seeds_of(values):
            case = CaseRun(RunDirectory(self.study.case(number, seed)), number, values, seed)
            _check_same(case)
            if not case.run.finished:
                self._train(case)
            figures.append(case.figures())
        return {name: statistics.fmean(each[name] for each in figures) for name in figures[0]}

    def _train(self, case: CaseRun) -> None:
        config = replace(self.config.config(case.values, case.seed), run=str(case.run.path))
        case.save()
        if not case.run.config.is_file():
            # What a stop has left of a beginning is no run that train would go on with.
            shutil.rmtree(case.run.path, ignore_errors=True)
            if self.share:
                self._begin_as_shorter(case, config)
        count = f" of {self.config.case_count}" if self.config.case_count else ""
        progress = CaseProgress(f"case {case.number}{count}", config.train.epochs)
        free_last_model()
        data = None
        try:
            data = self.rows.read(config)
            with (
                beside(case.run, ".txt").open("a", encoding="utf-8") as output,
                redirect_stdout(output),
            ):
                train(config, callbacks=[EpochSeconds(case.run), progress], data=data)
        except Exception as error:
            of_all = data is None or isinstance(error.__cause__, OSError)
            if isinstance(error, OSError) or (isinstance(error, UserError) and of_all):
                raise
            with beside(case.run, ".txt").open("a", encoding="utf-8") as output:
                traceback.print_exc(file=output)
            line = " ".join(str(error).split())[:300] or type(error).__name__
            replace(case, error=line).save()
            raise CaseFailed(line) from error

    def _begin_as_shorter(self, case: CaseRun, config: Config) -> None:
        """Begin a case where the finished one ended that has the most epochs of those it shares."""
        shorter = [
            other
            for other in begun_runs(self.study)
            if other.run.finished
            and other.run.checkpoint.is_file()
            and other.seed == case.seed
            and shares(other.values, case.values)
        ]
        if shorter:
            longest = max(shorter, key=lambda other: other.values[EPOCHS])
            continue_from(longest.run, case.run.path, config)
            write_seconds(case.run, read_seconds(longest.run))


def _check_same(case: CaseRun) -> None:
    record = beside(case.run, ".json")
    if record.is_file() and (begun := read_json(record)["values"]) != case.values:
        raise UserError(
            f"{case.run.path}: this case was begun with {begun}, the search asks for {dict(case.values)}; "
            "begin another study with --run"
        )
