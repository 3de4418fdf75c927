"""What is read from the trials of a study, and what of them is deleted."""

import dataclasses
import math
import re
from pathlib import Path

import pytest

from kmlc.errors import UserError
from kmlc.training.run_metrics import run_metrics
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.records import best_config, ranking, results, started_runs
from kmlc.tuning.start import start_or_continue
from kmlc.tuning.study import StudyConfig
from kmlc.yaml_files import read_yaml
from tests.tuning.run_fakes import a_study, finish, trial


def test_files_that_are_being_written_are_no_trials(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    for number, seed in [(100, 42), (2, 42), (10, 42), (2, 7)]:
        trial(study, number, seed)
    (study.trials / ".123-01-seed42.json").write_text("{")
    found = [(trial.number, trial.seed) for trial in started_runs(study)]
    assert found == [(2, 7), (2, 42), (10, 42), (100, 42)]


def test_the_minutes_are_those_of_all_epochs(tmp_path: Path) -> None:
    started = trial(a_study(tmp_path), 1)
    finish(started.run, epochs=2)
    assert run_metrics(started.run)["minutes"] == 1.5


def test_a_trial_that_diverged_with_one_seed_is_last(tmp_path: Path, config: StudyConfig) -> None:
    config, study = dataclasses.replace(config, seeds=2), a_study(tmp_path)
    for number, metrics in enumerate([(math.nan, 0.9), (0.2, 0.4), (0.3, 0.5)], start=1):
        for seed, metric in zip((42, 43), metrics, strict=True):
            trial(study, number, seed, metric=metric)
    found = ranking(results(study, config), config)
    assert found.index.tolist() == [3, 2, 1]
    assert found.tolist()[:2] == pytest.approx([0.4, 0.3])
    assert math.isnan(found[1])
    assert best_config(study, config).seed == 43
    assert best_config(study, config).train.epochs == 3


def test_a_study_all_of_whose_trials_diverged_says_so(tmp_path: Path, config: StudyConfig) -> None:
    study = a_study(tmp_path)
    trial(study, 1, metric=math.nan)
    with pytest.raises(UserError, match=r"no trial ended with a number as its micro_map$"):
        best_config(study, config)


def test_which_weights_are_kept(tmp_path: Path, config: StudyConfig) -> None:
    """Trial 1 is the best, 2 is not, 3 has a seed to train, 4 failed with its second seed."""
    config, study = dataclasses.replace(config, seeds=2), a_study(tmp_path)
    for number, seed in [(1, 42), (1, 43), (2, 42), (2, 43), (3, 42), (4, 42)]:
        trial(study, number, seed, metric=1 - number / 10)
    failed = trial(study, 4, 43, error="out of memory")
    failed.run.best_weights.touch()
    running = trial(study, 5)
    running.run.best_weights.touch()
    drop_weights(study, config, keep=1, share=False)
    kept = sorted(str(path.relative_to(study.trials)) for path in study.trials.glob("*/*.weights.h5"))
    whole = ["01-seed42", "01-seed43", "03-seed42", "05-seed42"]
    assert kept == [f"{run}/best.weights.h5" for run in whole]


def test_other_files_are_not_taken_for_a_study(tmp_path: Path, config: StudyConfig) -> None:
    """Its `cache` would be removed at the end."""
    (tmp_path / "cache").mkdir()
    with pytest.raises(UserError, match="expected a study, a new folder or an empty one"):
        start_or_continue(config, tmp_path)
    (tmp_path / "cache").rmdir()
    (tmp_path / ".12-study.yaml").touch()
    start_or_continue(config, tmp_path)


def test_what_only_the_report_says_may_change(tmp_path: Path, config: StudyConfig) -> None:
    study = start_or_continue(config, tmp_path / "study")
    published = [{"train.epochs": 1, "train.learning_rate": 0.01, "micro_map": 0.5}]
    grid = dataclasses.replace(
        config.grid, title="Another", source="a paper", metrics=["micro_map"], published=published
    )
    other = dataclasses.replace(config, grid=grid)
    assert start_or_continue(other, study.path) == study
    assert read_yaml(study.config)["grid"]["published"] == published


def test_a_study_of_other_content_is_of_another_search(tmp_path: Path, config: StudyConfig) -> None:
    for content in ("format: 2\n", "format: 2\ngrid: 3\n", "format: 2\ngrid: {vary: {}}\n"):
        (tmp_path / "study.yaml").write_text(content)
        with pytest.raises(UserError, match="this study has another grid or other options"):
            start_or_continue(config, tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("", "written by another version of kmlc (format none); this one reads format 2"),
        ("grid: [", "not a YAML file of settings: "),
        ("\x00", "not a YAML file of settings: "),
        ("- format", "expected settings as `key: value`; got list"),
        ("format: 1\n", "written by another version of kmlc (format 1); this one reads format 2"),
    ],
)
def test_a_broken_study_is_passed_over(
    broken: str, said: str, tmp_path: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("runs/broken")
    path.mkdir(parents=True)
    (path / "study.yaml").write_text(broken)
    study = start_or_continue(config)
    assert start_or_continue(config) == study
    with pytest.raises(UserError, match=rf"study\.yaml: {re.escape(said)}"):
        start_or_continue(config, path)
