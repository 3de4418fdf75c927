"""Cases that failed get another try in the next command."""

import shutil

from kmlc.tuning.records import begun_runs, beside
from kmlc.tuning.study import Study, StudyConfig


def forget_failed(study: Study, config: StudyConfig) -> None:
    """Forget the cases that failed, with all their seeds, so that the search comes to them as to new ones.

    Bayesian search and Hyperband choose later cases by earlier ones, the failed ones among them: there they
    stay as they are.

    Args:
        study: where; no other process works on it.
        config: what is searched.
    """
    cases = begun_runs(study)
    failed = {case.number for case in cases if case.error}
    if not failed or config.search not in ("grid", "random"):
        return
    # Without a state these searches choose the same cases again; finished ones are not trained twice. First
    # of all, so that a stop in here loses none.
    study.oracle.unlink(missing_ok=True)
    for case in cases:
        if case.number in failed:
            shutil.rmtree(case.run.path, ignore_errors=True)
            beside(case.run, ".seconds.json").unlink(missing_ok=True)
            beside(case.run, ".json").unlink()
