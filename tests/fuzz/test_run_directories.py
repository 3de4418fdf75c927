"""Run directories with a file missing, damaged, of another type or of another run."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from kmlc.commands.compare import main as compare
from kmlc.commands.predict import main as predict
from kmlc.commands.train import main as train
from kmlc.files import sha256, write_json
from kmlc.training.manifest import NAME, read_manifest
from tests.fuzz.harness import Finding, Sandbox, fuzz
from tests.fuzz.strategies import EDITS, Edit, edited
from tests.fuzz.submissions import read_submission

DAMAGES = st.sampled_from(
    ["missing", "empty", "edited", "edited", "folder", "another run's", "other JSON", "link"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def copied(sandbox: Sandbox, name: str) -> Path:
    """Return a copy of a finished run in the current folder, without its report."""
    run = sandbox.clear() / "run"
    shutil.copytree(sandbox.root / "runs" / name, run, ignore=shutil.ignore_patterns("plots", "tensorboard"))
    return run


def files_of(run: Path) -> list[Path]:
    """Return the files of a run; those with a dot are locks."""
    return sorted(each for each in run.rglob("*") if each.is_file() and not each.name.startswith("."))


def damage(
    run: Path, number: int, how: str, edits: list[Edit], value: Any, stranger: bool, other: Path
) -> Path:
    """Damage one file of a run, and return it; a stranger's manifest has the hash of what it is then."""
    files = files_of(run)
    file = files[number % len(files)]
    content = file.read_bytes()
    file.unlink()
    if how == "empty":
        file.touch()
    elif how == "edited":
        file.write_bytes(edited(content, edits))
    elif how == "folder":
        file.mkdir()
    elif how == "another run's" and (other / file.name).is_file():
        shutil.copy(other / file.name, file)
    elif how == "other JSON":
        file.write_text(json.dumps(_changed(content, value)))
    elif how == "link":
        file.symlink_to(file.name)
    if stranger and file.is_file() and file.name != NAME and file.name in read_manifest(run).files:
        manifest = read_manifest(run)
        hashes = {**manifest.files, file.name: sha256(file)}
        write_json(run / NAME, asdict(replace(manifest, files=hashes)))
    return file


def _changed(content: bytes, value: Any) -> Any:
    """Return what a JSON file holds with one value replaced, or the value where it is no JSON object."""
    try:
        old = json.loads(content)
    except ValueError:
        return value
    if isinstance(old, dict) and old:
        key = sorted(old)[hash(repr(value)) % len(old)]
        return old | {key: value}
    return list(reversed(old)) if isinstance(old, list) else value


ARGUMENTS: dict[str, Any] = {
    "file": st.integers(0, 60),
    "how": DAMAGES,
    "edits": EDITS,
    "value": VALUES,
    "stranger": st.booleans(),
}


@fuzz("run directories", 450, **ARGUMENTS)
def test_predicting_with_a_damaged_run(
    sandbox: Sandbox, file: int, how: str, edits: list[Edit], value: Any, stranger: bool
) -> None:
    run = copied(sandbox, "words")
    damaged = damage(run, file, how, edits, value, stranger, sandbox.root / "runs" / "both")
    outcome = sandbox.call(
        predict, "--run", "run", "--data", sandbox.root / "data", "--out", "s.csv", writes=["s.csv"]
    )
    if outcome.code != 0 or stranger:  # whose run may hold anything
        return
    rows = read_submission(sandbox)
    words = sandbox.root / "runs" / "words"
    sandbox.call(
        predict, "--run", words, "--data", sandbox.root / "data", "--out", "clean.csv", writes=["clean.csv"]
    )
    if rows != read_submission(sandbox, "clean.csv"):
        raise Finding("other predictions", f"{damaged.name} {how}", f"exit code 0\n{rows}")


@fuzz("run directories", 250, **ARGUMENTS)
def test_resuming_a_damaged_run(
    sandbox: Sandbox, file: int, how: str, edits: list[Edit], value: Any, stranger: bool
) -> None:
    run = copied(sandbox, "words")
    write_json(run / NAME, asdict(replace(read_manifest(run), finished=None)))
    damage(run, file, how, edits, value, stranger, sandbox.root / "runs" / "both")
    sandbox.call(train, "--resume", "run", writes=["run"])


@fuzz("run directories", 150, **ARGUMENTS)
def test_comparing_damaged_runs(
    sandbox: Sandbox, file: int, how: str, edits: list[Edit], value: Any, stranger: bool
) -> None:
    run = copied(sandbox, "words")
    damage(run, file, how, edits, value, stranger, sandbox.root / "runs" / "both")
    sandbox.call(compare, "run", sandbox.root / "runs" / "both", "--out", "out", writes=["out"])


@fuzz("run directories", 150, **ARGUMENTS)
def test_predicting_with_two_runs_one_of_them_damaged(
    sandbox: Sandbox, file: int, how: str, edits: list[Edit], value: Any, stranger: bool
) -> None:
    run = copied(sandbox, "both")
    damage(run, file, how, edits, value, stranger, sandbox.root / "runs" / "words")
    words = sandbox.root / "runs" / "words"
    arguments = ("--run", "run", "--run", words, "--data", sandbox.root / "data", "--out", "s.csv")
    sandbox.call(predict, *arguments, writes=["s.csv"])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, restored_once: None) -> None:
    """Write no report, whose plots take seconds."""
    monkeypatch.setattr("kmlc.reports.report.write_report", lambda *_: None)
