"""Bounded disk: which finished cases keep their weights, and which their last state."""

import shutil

from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.grid import shares
from kmlc.tuning.records import CaseRun, begun_runs, ranking, results
from kmlc.tuning.study import Study, StudyConfig


def drop_weights(study: Study, config: StudyConfig, keep: int, share: bool) -> None:
    """Delete the weights of cases that failed or are not among the best, and the states of all finished ones.

    A case that another one will go on from keeps both until that one has begun; one that is not trained with
    every seed yet keeps its weights. The figures of all stay. Any process may call it at any time.

    Args:
        study: where.
        config: what is searched.
        keep: how many of the best cases keep their weights.
        share: whether cases go on from others.
    """
    table = results(study, config)
    dropped = {*ranking(table, config).index[keep:], *table.loc[table["error"] != "", "case"]}
    for case in begun_runs(study):
        if not (case.run.finished or case.error) or (share and _needed(case, study, config)):
            continue
        shutil.rmtree(case.run.checkpoint.parent, ignore_errors=True)
        for begun in case.run.path.glob(f".*-{case.run.best_weights.name}"):
            begun.unlink(missing_ok=True)  # by a process that was killed
        if case.number in dropped:
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
