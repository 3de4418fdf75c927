"""One case of a study: trained with each of its seeds, or taken from the disk where that is done."""

import statistics
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass, replace

from kmlc.errors import UserError
from kmlc.training.extend import continue_from
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train
from kmlc.tuning.callbacks import CaseProgress, EpochSeconds
from kmlc.tuning.grid import EPOCHS, Values
from kmlc.tuning.memory import free_last_model
from kmlc.tuning.records import CaseRun, begun_runs, beside, read_seconds, write_seconds
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.study import Study, StudyConfig


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
        """
        figures = []
        for seed in self.config.seeds_of(values):
            case = CaseRun(RunDirectory(self.study.case(number, seed)), number, values, seed)
            if not case.run.finished:
                self._train(case)
            figures.append(case.figures())
        return {name: statistics.fmean(each[name] for each in figures) for name in figures[0]}

    def _train(self, case: CaseRun) -> None:
        config = replace(self.config.config(case.values, case.seed), run=str(case.run.path))
        case.save()
        if self.share and not case.run.config.is_file():
            self._begin_as_shorter(case)
        count = f" of {self.config.case_count}" if self.config.case_count else ""
        progress = CaseProgress(f"case {case.number}{count}", config.train.epochs)
        free_last_model()
        try:
            with (
                beside(case.run, ".txt").open("a", encoding="utf-8") as output,
                redirect_stdout(output),
            ):
                train(config, callbacks=[EpochSeconds(case.run), progress], data=self.rows.read(config))
        except (UserError, OSError):
            raise
        except Exception as error:
            with beside(case.run, ".txt").open("a", encoding="utf-8") as output:
                traceback.print_exc(file=output)
            replace(case, error=" ".join(str(error).split())[:300] or type(error).__name__).save()
            raise

    def _begin_as_shorter(self, case: CaseRun) -> None:
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
            config = replace(self.config.config(case.values, case.seed), run=str(case.run.path))
            continue_from(longest.run, case.run.path, config)
            write_seconds(case.run, read_seconds(longest.run))


def shares(shorter: Values, longer: Values) -> bool:
    """Return whether one case is the first epochs of another."""
    if EPOCHS not in longer:
        return False
    same = {**shorter, EPOCHS: 0} == {**longer, EPOCHS: 0}
    return bool(same and shorter[EPOCHS] < longer[EPOCHS])
