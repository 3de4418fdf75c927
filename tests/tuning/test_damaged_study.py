"""Files of a study that are missing, damaged or another study's: one line, or trained again."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kmlc.errors import UserError
from kmlc.settings import load_config
from kmlc.tuning.options import Options
from kmlc.tuning.records import best_config
from kmlc.tuning.start import start_or_continue
from kmlc.tuning.study import Search, Study, StudyConfig
from kmlc.tuning.trial import Job, train_trial
from kmlc.tuning.tune import tune
from tests.tuning.run_fakes import Trainings

OPTIONS = Options(cache="off", share=False)


def missing(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = next(
        number for number in range(len(content) // 2, len(content)) if chr(content[number]).isalnum()
    )
    content[place] ^= 1
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def another_type(path: Path) -> None:
    path.write_text("[1]")


DAMAGES: list[Callable[[Path], None]] = [missing, empty, truncated, flipped, a_folder, another_type]

FILES = [
    "study.yaml",
    "oracle.json",
    "seconds.json",
    "results.csv",
    "best.yaml",
    "trials/02-seed42.json",
    "trials/02-seed42/manifest.json",
    "trials/02-seed42/metrics.json",
    "trials/02-seed42/history.csv",
]


def finished(config: StudyConfig, path: Path) -> Study:
    study = start_or_continue(config, path)
    tune(study, config, OPTIONS)
    return study


def goes_on(config: StudyConfig, path: Path) -> None:
    tune(start_or_continue(config, path), config, OPTIONS)


def check_ends_well(config: StudyConfig, study: Study, before: str) -> None:
    """The same command comes to the same results, or says in one line which file is wrong."""
    try:
        goes_on(config, study.path)
    except (UserError, OSError) as error:  # the commands say both in one line
        said = str(error)
    else:
        assert study.results.read_text() == before
        assert load_config(study.best) == best_config(study, config)
        return
    assert "\n" not in said
    assert str(study.path) in said


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_every_file_of_a_study_with_every_damage(
    name: str, damage: Callable[[Path], None], tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """Damaged records, states and metrics ended in tracebacks, or were read as others."""
    study = finished(config, tmp_path / "study")
    before = study.results.read_text()
    damage(study.path / name)
    check_ends_well(config, study, before)
    # At most the trial itself was trained again.
    assert set(trainings.runs[4:]) <= {"02-seed42"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_files_of_another_study(name: str, tmp_path: Path, config: StudyConfig, trainings: Trainings) -> None:
    study = finished(config, tmp_path / "study")
    before = study.results.read_text()
    other_config = dataclasses.replace(config, settings=config.settings | {"fusion.dropout": 0.1})
    other = finished(other_config, tmp_path / "other")
    shutil.copyfile(other.path / name, study.path / name)
    check_ends_well(config, study, before)
    assert len(trainings.runs) == 8


@pytest.mark.parametrize("search", ["grid", "random", "bayesian"])
@pytest.mark.parametrize("with_record", [False, True])
def test_a_deleted_trial_is_trained_again(
    search: Search, with_record: bool, tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """It never was: exit code 0, and best.yaml from the trials that were left."""
    config = dataclasses.replace(config, search=search, max_trials=4)
    study = finished(config, tmp_path / "study")
    before, best = study.results.read_text(), study.best.read_text()
    shutil.rmtree(study.trial(3, 42))
    if with_record:
        study.trial(3, 42).with_suffix(".json").unlink()
    goes_on(config, study.path)
    assert trainings.runs[4:] == ["03-seed42"]
    assert (study.results.read_text(), study.best.read_text()) == (before, best)
    with pytest.raises(UserError, match="this study is finished"):
        start_or_continue(config, study.path)


@pytest.mark.parametrize("search", ["grid", "random", "bayesian"])
def test_a_deleted_state_is_made_again_without_training(
    search: Search, tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    config = dataclasses.replace(config, search=search, max_trials=4)
    study = finished(config, tmp_path / "study")
    before = study.results.read_text()
    study.oracle.unlink()
    goes_on(config, study.path)
    assert len(trainings.runs) == 4
    assert study.results.read_text() == before


@pytest.mark.slow
@pytest.mark.parametrize("search", ["grid", "random", "bayesian"])
def test_a_stop_between_any_two_files_changes_nothing(
    search: Search, tmp_path: Path, config: StudyConfig, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before each JSON file that a study writes, the same command comes to the same results."""
    config = dataclasses.replace(config, search=search, max_trials=4)
    expected = pd.read_csv(finished(config, tmp_path / "whole").results)
    write, left = Study.write, 0

    def stopping(self: Study, path: Path, value: dict[str, object]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        write(self, path, value)

    monkeypatch.setattr(Study, "write", stopping)
    for number in (1, 2, 3, 4, 7, 16):
        left, path = number, tmp_path / f"stopped{number}"
        with pytest.raises(KeyboardInterrupt):
            goes_on(config, path)
        goes_on(config, path)
        pd.testing.assert_frame_equal(pd.read_csv(path / "results.csv"), expected, check_exact=True)


def test_a_worker_refuses_the_folder_of_another_study(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    """It trained there."""
    study, other = (start_or_continue(config, tmp_path / name) for name in ("study", "other"))
    assert study.identity != other.identity
    job = Job("trial 1", (), (), None, other.path, study.identity)  # type: ignore[arg-type]
    outcome = train_trial(job)
    assert outcome.ends_search
    assert outcome.error == f"{other.path}: expected the study with id {study.identity}; got another one"
    assert trainings.runs == []


def test_the_id_outlasts_a_command(tmp_path: Path, config: StudyConfig) -> None:
    study = start_or_continue(config, tmp_path / "study")
    assert start_or_continue(config, study.path).identity == study.identity


def test_what_killed_commands_were_writing_is_removed(
    tmp_path: Path, config: StudyConfig, trainings: Trainings
) -> None:
    study = start_or_continue(config, tmp_path / "study")
    study.trials.mkdir()
    left = [study.path / ".123-oracle.json", study.trials / ".123-01-seed42.json"]
    for path in left:
        path.touch()
    goes_on(config, study.path)
    assert not any(path.exists() for path in left)


def test_a_traceback_before_the_trial_is_kept(
    tmp_path: Path, config: StudyConfig, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its last line was."""
    from kmlc.tuning.engines.inline import Inline

    def no_worker(self: Inline, slot: int, work: object) -> object:
        from concurrent.futures import Future

        future: Future[object] = Future()
        future.set_exception(ImportError("no module\nnamed x"))
        return future

    monkeypatch.setattr(Inline, "submit", no_worker)
    study = start_or_continue(config, tmp_path / "study")
    with pytest.raises(UserError, match="every trial failed: ImportError: named x"):
        tune(study, config, OPTIONS)
    assert "ImportError: no module\nnamed x" in study.trial(1, 42).with_suffix(".txt").read_text()


def test_a_grid_of_any_size_is_counted_and_indexed(config: StudyConfig) -> None:
    """59 to the power of 6, and more than 64 bits; without --trials it is one line."""
    for axes in (6, 40):
        grid = dataclasses.replace(config.grid, vary={f"a{axis}": list(range(59)) for axis in range(axes)})
        assert grid.size == 59**axes
        assert set(grid.trial(59**axes - 1).values()) == {58}
        assert list(grid.trial(60).values())[-2:] == [1, 1]
        assert len(StudyConfig(grid, max_trials=1).trials()) == 1
        with pytest.raises(UserError, match=r"^--trials: expected at most 10,000 trials; got "):
            StudyConfig(grid)
