"""Bounded disk: which finished cases keep their weights, and which their last state."""

import shutil

from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.case import shares
from kmlc.tuning.records import CaseRun, begun_runs, ranking, results
from kmlc.tuning.study import Study, StudyConfig


def drop_weights(study: Study, config: StudyConfig, keep: int, share: bool) -> None:
    """Delete the weights of every finished case but the best ones, and the states of all.

    A case that another one will go on from keeps both until that one has begun. The figures of all stay. Any
    process may call it at any time.

    Args:
        study: where.
        config: what is searched.
        keep: how many of the best cases keep their weights.
        share: whether cases go on from others.
    """
    best = ranking(results(study, config), config).index[:keep]
    for case in begun_runs(study):
        if case.run.finished and not (share and _needed(case, study, config)):
            shutil.rmtree(case.run.checkpoint.parent, ignore_errors=True)
            if case.number not in best:
                case.run.best_weights.unlink(missing_ok=True)


def _needed(case: CaseRun, study: Study, config: StudyConfig) -> bool:
    """Return whether a case that is not begun yet can go on from this one."""
    if config.search == "hyperband":
        return not study.finished
    for number, values in enumerate(config.cases(), start=1):
        begun = RunDirectory(study.case(number, case.seed)).config.is_file()
        if shares(case.values, values) and not begun:
            return True
    return False
