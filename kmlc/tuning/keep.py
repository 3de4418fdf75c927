"""Bounded disk: which finished trials keep their weights, and which their checkpoint."""

import shutil

from kmlc.tuning.records import TrialRun, ranking, results, started_runs
from kmlc.tuning.study import Study, StudyConfig


def drop_weights(study: Study, config: StudyConfig, keep: int, share: bool) -> None:
    """Delete the weights of trials that failed or are not among the best `keep`, and all checkpoints.

    A trial that another one will continue keeps both until that one has started; a trial with seeds to train
    keeps its weights. The metrics of all are kept.
    """
    table = results(study, config)
    dropped = {*ranking(table, config).index[keep:], *table.loc[table["error"] != "", "trial"]}
    runs = started_runs(study)
    started = {(trial.number, trial.seed) for trial in runs if trial.run.started}
    for trial in runs:
        if not trial.ended:
            continue
        if not (trial.run.checkpoint.is_file() or trial.run.best_weights.is_file()):
            continue  # dropped before
        if share and config.search == "hyperband":
            continue
        if share and (trial.number + 1, trial.seed) not in started and _is_continued(trial, config):
            continue
        shutil.rmtree(trial.run.checkpoint.parent, ignore_errors=True)
        if trial.number in dropped:
            trial.run.best_weights.unlink(missing_ok=True)


def _is_continued(trial: TrialRun, config: StudyConfig) -> bool:
    """Return whether the next trial of a grid has the same values and more epochs."""
    is_last = config.search != "grid" or trial.number == config.trial_count
    return not is_last and config.shares(trial.values, config.grid.trial(trial.number))
