"""Bounded disk: which finished trials keep their weights, and which their checkpoint."""

import shutil

from kmlc.tuning.grid import EPOCHS, shares
from kmlc.tuning.records import ranking, results, started_runs
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
    trials = list(enumerate(config.trials(), start=1)) if share and EPOCHS in config.grid.vary else []
    for trial in runs:
        if not (trial.run.finished or trial.error):
            continue
        if not (trial.run.checkpoint.is_file() or trial.run.best_weights.is_file()):
            continue  # dropped before
        if share and config.search == "hyperband" and not study.finished:
            continue
        # A trial that has not started continues this one.
        if any((number, trial.seed) not in started and shares(trial.values, each) for number, each in trials):
            continue
        shutil.rmtree(trial.run.checkpoint.parent, ignore_errors=True)
        for unfinished in trial.run.path.glob(f".*-{trial.run.best_weights.name}"):
            unfinished.unlink(missing_ok=True)  # of a process that was killed
        if trial.number in dropped:
            trial.run.best_weights.unlink(missing_ok=True)
