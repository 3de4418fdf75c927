import os
import shutil
from pathlib import Path

import pytest

from kmlc.errors import UserError
from kmlc.lock import locked
from kmlc.training.manifest import write_manifest
from kmlc.training.run_directory import existing_run, new_run, newest_run


def test_taken_names_get_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, third = (new_run("hybrid").path.name for _ in range(3))
    assert first.endswith("-hybrid")
    assert (second, third) == (f"{first}-2", f"{first}-3")


def make_run(path: Path, started: int, finished: int | None) -> None:
    path.mkdir(parents=True)
    times = (f"2026-01-31T00:00:0{second}.000000+00:00" for second in (started, finished))
    write_manifest(path, [], next(times), None if finished is None else next(times))


def test_the_newest_run_finished_last_or_started_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was stopped and resumed lost to one begun after it; a touched or copied file won."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no finished run"):
        newest_run(finished=True)
    runs = tmp_path / "runs"
    make_run(runs / "a", started=4, finished=None)
    make_run(runs / "b", started=1, finished=9)
    make_run(runs / "c", started=3, finished=None)
    make_run(runs / "d", started=2, finished=8)
    make_run(runs / "e", started=3, finished=8)
    for name in "cde":
        os.utime(runs / name / "manifest.json", (9e9, 9e9))
    assert newest_run(finished=True).path.name == "b"
    assert newest_run(finished=False).path.name == "a"
    shutil.rmtree(runs / "b")
    assert newest_run(finished=True).path.name == "e"  # of the same time


def test_runs_in_training_are_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs" / "older", started=1, finished=None)
    make_run(tmp_path / "runs" / "newer", started=2, finished=None)
    with locked(Path("runs/newer")):
        assert newest_run(finished=False).path.name == "older"
        with locked(Path("runs/older")), pytest.raises(UserError, match="no unfinished run that no process"):
            newest_run(finished=False)
    assert newest_run(finished=False).path.name == "newer"


def test_a_directory_without_settings_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        existing_run(tmp_path)
