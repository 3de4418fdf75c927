"""Studies whose trials are not trained: what is read from them, what is deleted, what is tried again."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import write_json
from kmlc.settings import save_config
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning import run as run_module
from kmlc.tuning import trial as trial_module
from kmlc.tuning.announce import Announcer
from kmlc.tuning.grid import read_grid
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.lock import only_command
from kmlc.tuning.notes import notes
from kmlc.tuning.options import Options
from kmlc.tuning.records import TrialRun, begun_runs, best_run, ranking, results, write_seconds
from kmlc.tuning.run import tune
from kmlc.tuning.study import Search, Study, StudyConfig, begin_or_continue, load_study
from tests.tuning.tuning_fakes import TINY_GRID

OPTIONS = Options(cache="off", share=False)


@pytest.fixture(scope="module")
def config(data: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    path = tmp_path_factory.mktemp("grid") / "tiny.yaml"
    path.write_text(TINY_GRID)
    return StudyConfig(read_grid(str(path)), flags=[f"--data={data}"])


def finish(run: RunDirectory, metric: float = 0.5, epochs: int = 1) -> None:
    """Leave what a finished training leaves, as far as a study looks at it."""
    run.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    run.checkpoint.touch()
    run.best_weights.touch()
    rows = "".join(f"{epoch},0.5,0.25\n" for epoch in range(1, epochs + 1))
    run.history.write_text(f"epoch,loss,val_loss\n{rows}")
    metrics = {"micro_map": None if math.isnan(metric) else metric}
    write_json(run.metrics, {"best_epoch": epochs, "validation": metrics})


def trial(study: Study, number: int, seed: int = 42, error: str = "") -> TrialRun:
    """Begin a trial."""
    values = {"train.learning_rate": 0.01, "train.epochs": number}
    begun = TrialRun(RunDirectory(study.trial(number, seed)), number, values, seed, error)
    begun.save()
    begun.run.path.mkdir(exist_ok=True)
    return begun


class Trainings:
    """Stands for `train`: notes which run it was called for, and leaves what a finished one leaves."""

    def __init__(self, before: Callable[[Config], None] = lambda config: None) -> None:
        self.before = before
        self.runs: list[str] = []

    def __call__(self, config: Config, **options: Any) -> None:
        run = RunDirectory(Path(str(config.run)))
        self.runs.append(run.path.name)
        self.before(config)
        run.path.mkdir(exist_ok=True)
        save_config(run.config, config)
        metric = config.train.learning_rate if math.isfinite(config.train.learning_rate) else math.nan
        finish(run, metric)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    trainings = Trainings()
    monkeypatch.setattr(trial_module, "train", trainings)
    return trainings


def test_files_that_are_being_written_are_no_trials(tmp_path: Path) -> None:
    study = Study(tmp_path)
    for number, seed in [(100, 42), (2, 42), (10, 42), (2, 7)]:
        trial(study, number, seed)
    (study.trials / ".123-01-seed42.json").write_text("{")
    found = [(trial.number, trial.seed) for trial in begun_runs(study)]
    assert found == [(2, 7), (2, 42), (10, 42), (100, 42)]


def test_the_minutes_are_unknown_where_an_epoch_has_none(tmp_path: Path) -> None:
    begun = trial(Study(tmp_path), 1)
    finish(begun.run, epochs=2)
    write_seconds(begun.run, {"1": 60.0, "2": 30.0})
    assert begun.metrics()["minutes"] == 1.5
    write_seconds(begun.run, {"1": 60.0})
    assert math.isnan(begun.metrics()["minutes"])


def test_a_trial_that_diverged_with_one_seed_is_last(tmp_path: Path, config: StudyConfig) -> None:
    config, study = dataclasses.replace(config, seeds=2), Study(tmp_path)
    for number, metrics in enumerate([(math.nan, 0.9), (0.2, 0.4), (0.3, 0.5)], start=1):
        for seed, metric in zip((42, 43), metrics, strict=True):
            finish(trial(study, number, seed).run, metric)
    found = ranking(results(study, config), config)
    assert found.index.tolist() == [3, 2, 1]
    assert found.tolist()[:2] == pytest.approx([0.4, 0.3])
    assert math.isnan(found[1])
    assert best_run(study, config).path == study.trial(3, 43)


def test_a_study_all_of_whose_trials_diverged_says_so(tmp_path: Path, config: StudyConfig) -> None:
    study = Study(tmp_path)
    finish(trial(study, 1).run, math.nan)
    with pytest.raises(UserError, match=r"no trial came to an end with a number as its micro_map$"):
        best_run(study, config)


def test_which_weights_are_kept(tmp_path: Path, config: StudyConfig) -> None:
    """Trial 1 is the best, 2 is not, 3 has a seed to train, 4 failed with its second seed."""
    config, study = dataclasses.replace(config, seeds=2), Study(tmp_path)
    for number, seed in [(1, 42), (1, 43), (2, 42), (2, 43), (3, 42), (4, 42)]:
        finish(trial(study, number, seed).run, 1 - number / 10)
    failed = trial(study, 4, 43, error="out of memory")
    failed.run.best_weights.touch()
    (study.trial(1, 42) / ".123-best.weights.h5").touch()
    running = trial(study, 5)
    running.run.best_weights.touch()
    drop_weights(study, config, keep=1, share=False)
    kept = sorted(str(path.relative_to(study.trials)) for path in study.trials.glob("*/*.weights.h5"))
    whole = ["01-seed42", "01-seed43", "03-seed42", "05-seed42"]
    assert kept == [f"{run}/best.weights.h5" for run in whole]


def test_a_second_command_is_kept_off(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    study = begin_or_continue(config, tmp_path / "study")
    with only_command(study), pytest.raises(UserError, match="another command works on this study"):
        tune(study, config, OPTIONS)
    assert trainings.runs == []
    tune(study, config, OPTIONS)
    assert study.finished


@pytest.mark.parametrize(
    ("objective", "flags", "expected"),
    [
        ("superclass_accuracy", [], "micro_f1, .* without table.superclass_column"),
        ("micro_map", ["--table.superclass_column=super"], "hierarchical_f1, val_loss with table"),
    ],
)
def test_an_objective_that_the_labels_do_not_have(
    objective: str, flags: list[str], expected: str, tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    grid = dataclasses.replace(config.grid, objective=objective)
    config = dataclasses.replace(config, grid=grid, flags=[*config.flags, *flags])
    with pytest.raises(UserError, match=f"^objective: expected one of .*{expected}.*; got {objective}$"):
        tune(begin_or_continue(config, tmp_path / "study"), config, OPTIONS)
    assert trainings.runs == []


def test_best_yaml_is_written_last(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    """A study was taken for finished when its report was not written yet, and could not be gone on with."""
    study = begin_or_continue(config, tmp_path / "study")

    def killed(table: pd.DataFrame, total: int | None) -> None:
        assert len(list(study.trials.glob("*/best.weights.h5"))) == 1
        assert not study.cache.exists()
        raise KeyboardInterrupt

    study.cache.mkdir()
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS, killed)
    assert not study.finished
    told = []
    tune(begin_or_continue(config, study.path), config, OPTIONS, lambda *words: told.append(words))
    ((table, total),) = told
    assert (len(table), total) == (4, 4)
    assert study.finished
    assert len(trainings.runs) == 4


def test_decoded_pixels_are_removed_whatever_the_last_command_said(
    tmp_path: Path, config: StudyConfig, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_MEMORY", tmp_path / "memory")
    study = begin_or_continue(config, tmp_path / "study")
    folders = [study.cache, run_module._memory_cache(study)]
    for folder in folders:
        folder.mkdir(parents=True)
    tune(study, config, OPTIONS)
    assert not any(folder.exists() for folder in folders)


def test_a_combination_that_cannot_be_trained_does_not_end_the_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(settings: Config) -> None:
        if settings.train.learning_rate == 0.01:
            raise UserError("tower.weights: could not be downloaded")

    trainings.before = refuse
    study = begin_or_continue(config, tmp_path / "study")
    tune(study, config, OPTIONS)
    error = "tower.weights: could not be downloaded"
    assert results(study, config)["error"].tolist() == [error, error, "", ""]
    assert capsys.readouterr().out.count(f"failed: {error}\n") == 2


def refuse_the_disk(settings: Config) -> None:
    write_json(Path(str(settings.run)) / "nowhere" / "file.json", 1)


def test_a_disk_that_refuses_ends_the_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    trainings.before = refuse_the_disk
    study = begin_or_continue(config, tmp_path / "study")
    with pytest.raises(UserError, match="could not be written"):
        tune(study, config, OPTIONS)
    assert trainings.runs == ["01-seed42"]
    assert results(study, config).empty


def test_data_that_cannot_be_read_ends_the_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    config = dataclasses.replace(config, flags=[f"--data={tmp_path / 'nowhere'}"])
    study = begin_or_continue(config, tmp_path / "study")
    with pytest.raises(UserError, match="no such folder"):
        tune(study, config, OPTIONS)
    assert trainings.runs == []
    assert len(begun_runs(study)) == 1


@pytest.mark.parametrize("search", ["grid", "random"])
def test_failed_trials_are_tried_again(
    search: Search, tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """Two of four fail, and the search is stopped in the last: the same command trains these three."""

    def fail(settings: Config) -> None:
        number = len(trainings.runs)
        if number == 4:
            raise KeyboardInterrupt
        if number < 3:
            raise RuntimeError("out of memory")

    trainings.before = fail
    config = dataclasses.replace(config, search=search, max_trials=4)
    study = begin_or_continue(config, tmp_path / "study")
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS)
    begun = {trial.number: trial.values for trial in begun_runs(study)}
    trainings.before = lambda settings: None
    tune(study, config, OPTIONS)
    assert trainings.runs[4:] == ["01-seed42", "02-seed42", "04-seed42"]
    assert results(study, config)["error"].tolist() == [""] * 4
    assert {trial.number: trial.values for trial in begun_runs(study)} == begun


def test_a_trial_that_was_begun_with_other_values(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    study = begin_or_continue(config, tmp_path / "study")
    trial(study, 3)
    with pytest.raises(UserError, match=r"03-seed42: this trial was begun with .*, the search asks for"):
        tune(study, config, OPTIONS)
    assert trainings.runs == ["01-seed42", "02-seed42"]


def test_a_stop_before_a_run_was_begun(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    """What the stop left is no run directory, and not an empty one either."""

    def in_order(settings: Config) -> None:
        assert not Path(str(settings.run)).exists()

    trainings.before = in_order
    study = begin_or_continue(config, tmp_path / "study")
    study.trial(1, 42).mkdir(parents=True)
    (study.trial(1, 42) / "split.json").write_text("{}")
    tune(study, config, OPTIONS)
    assert study.finished


def test_other_files_are_not_taken_for_a_study(tmp_path: Path, config: StudyConfig) -> None:
    """Its `cache` would be removed at the end."""
    (tmp_path / "cache").mkdir()
    with pytest.raises(UserError, match="expected a study, a new folder or an empty one"):
        begin_or_continue(config, tmp_path)
    (tmp_path / "cache").rmdir()
    (tmp_path / ".12-study.yaml").touch()
    begin_or_continue(config, tmp_path)


def test_what_only_the_report_says_may_change(tmp_path: Path, config: StudyConfig) -> None:
    study = begin_or_continue(config, tmp_path / "study")
    published = [{"train.epochs": 1, "train.learning_rate": 0.01, "micro_map": 0.5}]
    grid = dataclasses.replace(
        config.grid, title="Another", source="a paper", metrics=["micro_map"], published=published
    )
    other = dataclasses.replace(config, grid=grid)
    assert begin_or_continue(other, study.path) == study
    assert load_study(study) == other


@pytest.mark.parametrize("broken", ["", "grid: [", "grid: 3\n", "grid: {vary: {}}\n", "\x00"])
def test_a_broken_study_is_passed_over(
    broken: str, tmp_path: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("runs/broken")
    path.mkdir(parents=True)
    (path / "study.yaml").write_text(broken)
    study = begin_or_continue(config)
    assert begin_or_continue(config) == study
    with pytest.raises(UserError, match=r"study\.yaml: is broken, or of another version"):
        begin_or_continue(config, path)


def test_the_time_is_that_of_all_commands(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    study = begin_or_continue(config, tmp_path / "study")
    write_json(study.seconds, 3000.0)
    tune(study, config, OPTIONS)
    assert 3000 < json.loads(study.seconds.read_text()) < 3060
    begun = Study(tmp_path)
    write_json(begun.seconds, 3600.0)
    command = "Command: `python tune.py --grid tiny`, which took 60 min in all"
    assert notes(begun, ["--grid", "tiny"])[0] == command


def test_trials_are_looked_at_now_and_then(
    tmp_path: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("kmlc.tuning.announce.time.monotonic", lambda: now)
    study = begin_or_continue(config, tmp_path / "study")
    announcer = Announcer(study, config, share=False)
    finish(trial(study, 1).run)
    announcer.watch()
    assert capsys.readouterr().out == ""
    now += 2
    announcer.watch()
    assert capsys.readouterr().out.startswith("trial  1/4")
    assert len(pd.read_csv(study.results)) == 1
    study.results.unlink()
    announcer.update()
    assert not study.results.exists()
