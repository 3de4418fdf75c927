import os
from pathlib import Path

import pytest

from kmlc.errors import UserError
from kmlc.training.run_directory import existing_run, new_run, newest_run


def test_names_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, third = (new_run("hybrid").path.name for _ in range(3))
    assert first.endswith("-hybrid")
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no finished run"):
        newest_run(finished=True)
    for age, name in enumerate("abcd"):
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        (path / "config.yaml").touch()
        os.utime(path / "config.yaml", (1000 - age, 1000 - age))
        if name in "bd":
            (path / "metrics.json").touch()
    assert newest_run(finished=True).path.name == "b"
    assert newest_run(finished=False).path.name == "a"
    with pytest.raises(UserError, match="not a run directory"):
        existing_run(tmp_path)
