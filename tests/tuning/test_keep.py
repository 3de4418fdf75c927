"""What is deleted of finished trials, in studies of many trials."""

import time
from pathlib import Path

from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_metrics import run_metrics
from kmlc.tuning.grid import Grid
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.records import TrialRun
from kmlc.tuning.study import StudyConfig
from tests.tuning.run_fakes import a_study, finish


def test_in_the_middle_of_800_trials_only_what_is_needed_is_kept_and_found_at_once(tmp_path: Path) -> None:
    """Each finished trial was compared with each of the grid: 8 seconds after every trial."""
    grid = Grid("own", "", "mlp", {"seed": list(range(400)), "train.epochs": [1, 3]}, objective="micro_map")
    config, study = StudyConfig(grid), a_study(tmp_path)
    for number, values in enumerate(config.trials()[:401], start=1):
        run = RunDirectory(study.trial(number, values["seed"]))
        finish(run, -number / 1000)
        run.config.touch()
        TrialRun(run, number, values, values["seed"], metrics=run_metrics(run)).save(study)
    drop_weights(study, config, keep=1, share=True)
    assert sorted(path.parent.name for path in study.trials.glob("*/best.weights.h5")) == [
        "01-seed0",
        "401-seed200",  # trial 402 continues it
    ]
    start = time.process_time()
    drop_weights(study, config, keep=1, share=True)
    assert time.process_time() - start < 2
