"""The predict command as a user types it, in a folder of its own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmlc.commands.predict import main
from tests.helpers import ROOT, run_command


@pytest.fixture
def folder(runs: Path, tmp_path: Path) -> Path:
    """A folder with a copy of the finished run `both`."""
    shutil.copytree(runs / "both", tmp_path / "both")
    return tmp_path


def test_every_row_is_written_once_and_in_order(folder: Path) -> None:
    done = run_command(
        folder, str(ROOT / "predict.py"), "--run", "both", "--out", "s.csv", "--proba", "p.csv"
    )
    assert done.returncode == 0, done.stderr
    assert "Predicting 7 rows with both\n" in done.stdout
    assert "Against the labels of the test rows: micro F1" in done.stdout
    submission = pd.read_csv(folder / "s.csv", dtype=str, keep_default_na=False)
    assert list(submission.columns) == ["ImageID", "Labels"]
    assert submission["ImageID"].tolist() == [f"{number}.jpg" for number in range(40, 47)]
    order = {"1": 0, "3": 1, "18": 2}
    for cell in submission["Labels"]:
        places = [order[label] for label in cell.split()]
        assert places == sorted(places) != []
    proba = pd.read_csv(folder / "p.csv")
    assert list(proba.columns) == ["ImageID", "1", "3", "18"]
    saved = json.loads((folder / "both" / "thresholds.json").read_text())
    thresholds = np.array([saved[label] for label in order])
    for labels, scores in zip(submission["Labels"], proba[["1", "3", "18"]].to_numpy(), strict=True):
        predicted = np.flatnonzero(scores >= thresholds)
        expected = predicted if len(predicted) else [scores.argmax()]
        assert labels.split() == [["1", "3", "18"][place] for place in expected]


def scores_by_label(lines: list[str]) -> dict[str, float]:
    return {line.split()[0]: float(line.split()[1]) for line in lines[:3]}


def test_one_image_prints_its_probabilities_and_labels(folder: Path, data: Path) -> None:
    flags = ["--image", str(data / "data" / "0.jpg"), "--caption", "a dog"]
    done = run_command(folder, str(ROOT / "predict.py"), "--run", "both", *flags)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == "Predicting 1 row with both"
    scores = [float(line.split()[1]) for line in lines[:3]]
    assert scores == sorted(scores, reverse=True)
    saved = json.loads((folder / "both" / "thresholds.json").read_text())
    predicted = [label for label in ("1", "3", "18") if scores_by_label(lines)[label] >= saved[label]]
    assert lines[-1] == f"Labels: {' '.join(predicted) or lines[0].split()[0]}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "nowhere"], "nowhere: not a run directory"),
        (["--ruun", "x"], "--ruun: no such flag (did you mean --run?)"),
    ],
)
def test_a_wrong_run_or_flag_ends_with_one_line(folder: Path, arguments: list[str], message: str) -> None:
    done = run_command(folder, str(ROOT / "predict.py"), *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"predict.py: error: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "no/such/s.csv"], "no/such: no such folder to write s.csv in"),
        (["--data", "nowhere"], "--data nowhere: no such folder"),
        (["--image", "none.jpg"], "none.jpg: missing; expected a JPEG"),
        (["--image", "both"], "both: a folder; expected a JPEG"),
        (["--out", "new/"], "--out: expected the name of a file; got the folder new/"),
        (["--proba", "new/"], "--proba: expected the name of a file; got the folder new/"),
    ],
)
def test_an_error_names_the_flag_or_file(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["--run", "both", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"kmlc predict: error: {message}")


def test_without_a_run_the_command_names_the_newest(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "runs").mkdir()
    (folder / "both").rename(folder / "runs" / "mine")
    monkeypatch.chdir(folder)
    assert main(["--caption", "a dog"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "The newest finished run is runs/mine",
        "Predicting 1 row with runs/mine",
    ]


def test_changed_weights_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "both" / "best.weights.h5").open("ab") as weights:
        weights.write(b"x")
    assert main(["--run", str(folder / "both")]) == 2
    assert (
        "best.weights.h5: changed since training wrote it (its sha256 is not the one in"
        in capsys.readouterr().err
    )
