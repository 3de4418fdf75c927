"""Bounded disk: which finished trials keep their weights, and which their checkpoint."""

import shutil

from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.grid import shares
from kmlc.tuning.records import TrialRun, ranking, results, started_runs
from kmlc.tuning.study import Study, StudyConfig


def drop_weights(study: Study, config: StudyConfig, keep: int, share: bool) -> None:
    """Delete the weights of trials that failed or are not among the best `keep`, and all checkpoints.

    A trial that another one will continue keeps both until that one has started; a trial with seeds to train
    keeps its weights. The metrics of all are kept.
    """
    table = results(study, config)
    dropped = {*ranking(table, config).index[keep:], *table.loc[table["error"] != "", "trial"]}
    for trial in started_runs(study):
        if not (trial.run.finished or trial.error) or (share and _needed(trial, study, config)):
            continue
        shutil.rmtree(trial.run.checkpoint.parent, ignore_errors=True)
        for unfinished in trial.run.path.glob(f".*-{trial.run.best_weights.name}"):
            unfinished.unlink(missing_ok=True)  # of a process that was killed
        if trial.number in dropped:
            trial.run.best_weights.unlink(missing_ok=True)


def _needed(trial: TrialRun, study: Study, config: StudyConfig) -> bool:
    """Return whether a trial that has not started can continue this one."""
    if config.search == "hyperband":
        return not study.finished
    for number, values in enumerate(config.trials(), start=1):
        started = RunDirectory(study.trial(number, trial.seed)).config.is_file()
        if shares(trial.values, values) and not started:
            return True
    return False
