"""Studies whose trials are not trained: what ends a search, what is tried again, what is written last."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from kmlc.config import Config
from kmlc.data.caches import memory
from kmlc.errors import UserError
from kmlc.files import check_room, write_json
from kmlc.lock import locked
from kmlc.settings import load_config
from kmlc.tuning.grid import Values
from kmlc.tuning.options import Options
from kmlc.tuning.records import best_config, results, started_runs
from kmlc.tuning.start import start_or_continue
from kmlc.tuning.study import Search, StudyConfig
from kmlc.tuning.tune import tune
from tests.tuning.run_fakes import Trainings, trial

OPTIONS = Options(cache="off", share=False)


def test_a_second_command_is_kept_off(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    study = start_or_continue(config, tmp_path / "study")
    with locked(study.path), pytest.raises(UserError, match=f"in use by process {os.getpid()} on"):
        tune(study, config, OPTIONS)
    assert trainings.runs == []
    tune(study, config, OPTIONS)
    assert study.best.is_file()


def test_a_full_disk_ends_the_search_also_out_of_fit(
    tmp_path: Path, config: StudyConfig, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras raises errors of callbacks without their cause: every trial that was left failed."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (10, 10))

    def full(config: Config) -> None:
        try:
            check_room(tmp_path / "best.weights.h5", 100)
        except UserError as error:
            raise error from None

    study = start_or_continue(config, tmp_path / "study")
    trainings.before = full
    with pytest.raises(UserError, match=r"best\.weights\.h5: could not be written: File too large \(0\.0 MB"):
        tune(study, config, OPTIONS)
    assert len(trainings.runs) == 1


def test_a_file_that_one_trial_cannot_read_ends_no_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """It was taken for a full disk, as an error of the system is behind both."""

    def missing(config: Config) -> None:
        try:
            (tmp_path / "missing.weights.h5").read_bytes()
        except FileNotFoundError:
            raise UserError("tower.weights: missing.weights.h5: no such file") from None

    study = start_or_continue(config, tmp_path / "study")
    trainings.before = missing
    with pytest.raises(UserError, match="every trial failed: tower"):
        tune(study, config, OPTIONS)
    assert len(trainings.runs) == len(started_runs(study)) > 1


def test_ctrl_c_that_became_another_error_stops_the_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """It came while TensorFlow left a context manager: the trial had failed, and the search went on."""

    def interrupted(config: Config) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise AssertionError("Concurrent access?")

    study = start_or_continue(config, tmp_path / "study")
    trainings.before = interrupted
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS)
    assert len(trainings.runs) == 1
    assert [each.error for each in started_runs(study)] == [""]


@pytest.mark.parametrize(
    ("objective", "settings", "expected"),
    [
        ("superclass_accuracy", {}, "micro_f1, macro_f1, .*, val_loss"),
        ("micro_map", {"table.superclass_column": "super"}, "superclass_accuracy, .*, val_loss"),
    ],
)
def test_an_objective_that_the_labels_do_not_have(
    objective: str,
    settings: dict[str, str],
    expected: str,
    tmp_path: Path,
    config: StudyConfig,
    trainings: Trainings,
) -> None:
    grid = dataclasses.replace(config.grid, objective=objective)
    config = dataclasses.replace(config, grid=grid, settings=config.settings | settings)
    with pytest.raises(UserError, match=f"^objective: expected one of {expected}; got {objective}$"):
        tune(start_or_continue(config, tmp_path / "study"), config, OPTIONS)
    assert trainings.runs == []


def test_best_yaml_holds_the_settings_of_the_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """It held those of the run, with what `auto` meant on a fraction of the rows."""

    def resolve(config: Config) -> None:
        object.__setattr__(config.loss, "alpha", [0.5])

    trainings.before = resolve
    config = dataclasses.replace(config, seeds=2)
    study = start_or_continue(config, tmp_path / "study")
    tune(study, config, OPTIONS)
    assert load_config(study.best) == best_config(study, config)
    assert load_config(study.best).loss.alpha == "auto"


def test_the_same_command_tries_failed_trials_of_a_finished_study_again(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """It said that the study is finished. A stop in between must not leave it finished."""
    study = start_or_continue(config, tmp_path / "study")

    def fail_second(config: Config) -> None:
        if len(trainings.runs) == 2:
            raise ValueError("no luck")

    trainings.before = fail_second
    tune(study, config, OPTIONS)
    assert study.best.is_file()
    assert len(trainings.runs) == 4

    def stop(config: Config) -> None:
        assert not study.best.is_file()
        raise KeyboardInterrupt

    trainings.before = stop
    with pytest.raises(KeyboardInterrupt):
        tune(start_or_continue(config, study.path), config, OPTIONS)
    trainings.before = lambda config: None
    tune(start_or_continue(config, study.path), config, OPTIONS)
    failed = trainings.runs[1]
    assert trainings.runs[4:] == [failed, failed]
    assert study.best.is_file()
    with pytest.raises(UserError, match="this study is finished"):
        start_or_continue(config, study.path)


def test_best_yaml_is_written_last(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    """A study was taken for finished when its report was not written yet, and could not be gone on with."""
    study = start_or_continue(config, tmp_path / "study")

    def killed(table: pd.DataFrame, total: int | None) -> None:
        assert len(list(study.trials.glob("*/best.weights.h5"))) == 1
        assert not (study.path / "cache").exists()
        raise KeyboardInterrupt

    (study.path / "cache").mkdir()
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS, report_study=killed)
    assert not study.best.is_file()
    told = []
    tune(
        start_or_continue(config, study.path), config, OPTIONS, report_study=lambda *given: told.append(given)
    )
    ((table, total),) = told
    assert (len(table), total) == (4, 4)
    assert study.best.is_file()
    assert len(trainings.runs) == 4


def test_decoded_pixels_are_removed_whatever_the_last_command_said(
    tmp_path: Path, config: StudyConfig, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMORY", tmp_path)
    study = start_or_continue(config, tmp_path / "study")
    folders = [study.cache, tmp_path / "kmlc-killed" / "owner"]
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
    study = start_or_continue(config, tmp_path / "study")
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
    study = start_or_continue(config, tmp_path / "study")
    with pytest.raises(UserError, match="could not be written"):
        tune(study, config, OPTIONS)
    assert trainings.runs == ["01-seed42"]
    assert results(study, config).empty


def test_data_that_cannot_be_read_ends_the_search(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    config = dataclasses.replace(config, settings={"data": str(tmp_path / "nowhere")})
    study = start_or_continue(config, tmp_path / "study")
    with pytest.raises(UserError, match="no such folder"):
        tune(study, config, OPTIONS)
    assert trainings.runs == []
    assert len(started_runs(study)) == 1


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
    study = start_or_continue(config, tmp_path / "study")
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS)
    started = {trial.number: trial.values for trial in started_runs(study)}
    trainings.before = lambda settings: None
    tune(study, config, OPTIONS)
    assert trainings.runs[4:] == ["01-seed42", "02-seed42", "04-seed42"]
    assert results(study, config)["error"].tolist() == [""] * 4
    assert {trial.number: trial.values for trial in started_runs(study)} == started


def test_a_trial_recorded_with_other_values_is_an_error(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    study = start_or_continue(config, tmp_path / "study")
    trial(study, 3)
    with pytest.raises(UserError, match=r"03-seed42: this trial was started with .*, the search asks for"):
        tune(study, config, OPTIONS)
    assert trainings.runs == ["01-seed42", "02-seed42"]


def test_a_stop_before_a_run_was_started(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    """What the stop left is no run directory, and not an empty one either."""

    def in_order(settings: Config) -> None:
        assert not Path(str(settings.run)).exists()

    trainings.before = in_order
    study = start_or_continue(config, tmp_path / "study")
    study.trial(1, 42).mkdir(parents=True)
    (study.trial(1, 42) / "split.json").write_text("{}")
    tune(study, config, OPTIONS)
    assert study.best.is_file()


def test_the_time_is_that_of_all_commands(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    study = start_or_continue(config, tmp_path / "study")
    write_json(study.seconds, 3000.0)
    tune(study, config, OPTIONS)
    assert 3000 < json.loads(study.seconds.read_text()) < 3060


def test_each_finished_trial_is_reported(tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    def fail(settings: Config) -> None:
        if settings.train.learning_rate == 0.01:
            raise RuntimeError("out of memory")

    trainings.before = fail
    reported: list[tuple[int, Values, float]] = []

    def report_trial(number: int, values: Values, metrics: Mapping[str, float]) -> None:
        reported.append((number, values, metrics["micro_map"]))

    tune(start_or_continue(config, tmp_path / "study"), config, OPTIONS, report_trial)
    assert reported == [
        (3, {"train.learning_rate": 0.001, "train.epochs": 1}, 0.001),
        (4, {"train.learning_rate": 0.001, "train.epochs": 2}, 0.001),
    ]
