"""Trials that failed get another try in the next command."""

import shutil

from kmlc.tuning.records import begun_runs, beside
from kmlc.tuning.study import Study, StudyConfig


def forget_failed(study: Study, config: StudyConfig) -> None:
    """Forget the trials that failed, with all their seeds, so that the search comes to them as to new ones.

    Bayesian search and Hyperband choose later trials by earlier ones, the failed ones among them: there they
    stay as they are.

    Args:
        study: where; no other process works on it.
        config: what is searched.
    """
    trials = begun_runs(study)
    failed = {trial.number for trial in trials if trial.error}
    if not failed or config.search not in ("grid", "random"):
        return
    # Without a state these searches choose the same trials again; finished ones are not trained twice. First
    # of all, so that a stop in here loses none.
    study.oracle.unlink(missing_ok=True)
    for trial in trials:
        if trial.number in failed:
            shutil.rmtree(trial.run.path, ignore_errors=True)
            beside(trial.run, ".seconds.json").unlink(missing_ok=True)
            beside(trial.run, ".json").unlink()
