"""Failed trials are tried again by the next command."""

import shutil

from kmlc.tuning.records import begun_runs, beside
from kmlc.tuning.study import Study, StudyConfig


def forget_failed(study: Study, config: StudyConfig) -> None:
    """Forget the trials that failed, with all their seeds; the search comes to them as to new ones.

    Not in Bayesian search and Hyperband, which choose later trials by earlier ones, also by failed ones.

    Args:
        study: where; no other process works on it.
        config: what is searched.
    """
    trials = begun_runs(study)
    failed = {trial.number for trial in trials if trial.error}
    if not failed or config.search not in ("grid", "random"):
        return
    # Without a state these searches choose the same trials again; finished ones are not trained twice. The
    # state goes first: a stop in between loses no trial.
    study.oracle.unlink(missing_ok=True)
    for trial in trials:
        if trial.number in failed:
            shutil.rmtree(trial.run.path, ignore_errors=True)
            beside(trial.run, ".json").unlink()
