"""Every file of a run, damaged in every way: one line and exit code 2, or the prediction of the whole run.

33 of 82 such runs once ended in a traceback, and one with its labels reversed predicted wrongly, exit 0.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kmlc.commands.predict import main
from kmlc.errors import UserError
from kmlc.prediction import predictor
from kmlc.prediction.predictor import load_predictor
from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory
from tests.helpers import ROOT

READ = [
    *("manifest.json", "config.yaml", "environment.json", "labels.json", "encoder.json", "thresholds.json"),
    "best.weights.h5",
]
"""The files that prediction with one run reads."""

Damage = Callable[[Path, Path], Any]
"""Damages a file, given its namesake in another run."""


def replace_by_folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


def reverse(path: Path, other: Path) -> None:
    """Reverse the lists of a JSON file, or the bytes of another one."""
    if path.suffix != ".json":
        path.write_bytes(path.read_bytes()[::-1])
        return
    saved = json.loads(path.read_text())
    path.write_text(
        json.dumps({key: value[::-1] if isinstance(value, list) else value for key, value in saved.items()})
    )


def flip_a_bit(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def replace_numbers(number: str) -> Damage:
    return lambda path, other: path.write_bytes(re.sub(rb"\d+", number.encode(), path.read_bytes()))


DAMAGES: dict[str, Damage] = {
    "missing": lambda path, other: path.unlink(),
    "empty": lambda path, other: path.write_bytes(b""),
    "truncated": lambda path, other: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a bit flipped": flip_a_bit,
    "a byte longer": lambda path, other: path.write_bytes(path.read_bytes() + b" "),
    "reversed": reverse,
    "a list": lambda path, other: path.write_text("[]"),
    "a string": lambda path, other: path.write_text('"a"'),
    "NaN": replace_numbers("NaN"),
    "huge numbers": replace_numbers("9" * 400),
    "nested": lambda path, other: path.write_text("[" * 100_000),
    "not UTF-8": lambda path, other: path.write_bytes(b"\xff\xfe" + path.read_bytes()),
    "a folder": replace_by_folder,
    "of another run": lambda path, other: shutil.copy(other, path),
}


@pytest.fixture(scope="module")
def whole(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The submission of the run as training left it."""
    out = tmp_path_factory.mktemp("whole") / "s.csv"
    assert main(["--run", str(runs / "words"), "--out", str(out)]) == 0
    return out.read_bytes()


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_that_is_read_is_one_line(
    name: str, damage: str, whole: bytes, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = shutil.copytree(runs / "words", tmp_path / "run"), tmp_path / "s.csv"
    before = (run / name).read_bytes()
    DAMAGES[damage](run / name, runs / "both" / name)
    capsys.readouterr()
    code = main(["--run", str(run), "--out", str(out)])
    if code == 0:  # nothing that matters is changed: a time, a space
        assert name == "manifest.json" or (run / name).read_bytes() == before
        assert out.read_bytes() == whole
        return
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(rf"kmlc predict: error: {tmp_path}/run", line), line
    assert not out.exists()


def test_files_that_are_not_read_do_not_matter(whole: bytes, runs: Path, tmp_path: Path) -> None:
    run = shutil.copytree(runs / "words", tmp_path / "run")
    others = [path for path in run.rglob("*") if path.is_file() and path.name not in READ]
    assert {"history.csv", "split.json", "metrics.json"} < {path.name for path in others}
    for path in others:
        path.write_bytes(b"\xff")
    assert main(["--run", str(run), "--out", str(tmp_path / "s.csv")]) == 0
    assert (tmp_path / "s.csv").read_bytes() == whole


@pytest.fixture(scope="module")
def restored(runs: Path) -> dict[str, TrainedRun]:
    return {name: restore(RunDirectory(runs / name)) for name in ("both", "words")}


@pytest.mark.parametrize("name", ["split.json", "logits.npz"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_that_is_read_of_several_runs_is_one_line(
    name: str,
    damage: str,
    runs: Path,
    restored: dict[str, TrainedRun],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predictor, "restore", lambda run: restored[run.path.name])
    run = shutil.copytree(runs / "words", tmp_path / "words")
    before = (run / name).read_bytes()
    DAMAGES[damage](run / name, runs / "elsewhere" / name)
    if (run / name).is_file() and (run / name).read_bytes() == before:
        pytest.skip("the damage changes nothing")
    with pytest.raises(UserError, match=rf"^{run / name}: (changed since|missing; )"):
        load_predictor([runs / "both", run])


def test_every_file_of_a_run_is_read_through_the_check() -> None:
    """A reader that forgets `verified` would let a damaged file in."""
    files = {name for name, value in vars(RunDirectory).items() if isinstance(value, property)}
    files.remove("failure")  # which unfinished runs alone have, and only its string is shown
    read = (
        r"(read_\w+|load_config|load_encoder_state|np\.load)\((?!self|study)\w+\.(" + "|".join(files) + r")\b"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (ROOT / "kmlc").rglob("*.py")
        for match in re.finditer(read, path.read_text())
    ]
    assert not found
