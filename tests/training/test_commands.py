"""The commands themselves, as a user types them, in a temporary folder."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import TINY

ROOT = Path(__file__).parent.parent.parent

# Ends the process in the middle of the second epoch, as a power cut or Ctrl-C would.
INTERRUPTED = """
import os, signal, sys
sys.argv[0] = "train.py"
sys.path.insert(0, {root!r})
from kmlc.training import callbacks
on_train_batch_end = callbacks.Progress.on_train_batch_end
def interrupt(self, batch, logs=None):
    on_train_batch_end(self, batch, logs)
    if len(self.history) == 1 and batch == 2:
        os.kill(os.getpid(), {signal})
callbacks.Progress.on_train_batch_end = interrupt
import train
train.guard(train.main)
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


def train_command(data: Path, name: str) -> list[str]:
    # Accumulation, an average of the weights, dropout and a plateau after every epoch: all that a resumed
    # run could forget.
    return [
        *TINY,
        f"--data={data}",
        f"--run={name}",
        "--train.epochs=3",
        "--train.accumulation=2",
        "--train.ema=0.9",
        "--train.plateau_patience=1",
        "--thresholds.method=curve",
    ]


def interrupted(folder: Path, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-c", INTERRUPTED.format(root=str(ROOT), signal=number), *arguments)


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run in runs/whole."""
    folder = tmp_path_factory.mktemp("commands")
    done = run(folder, str(ROOT / "train.py"), *train_command(data, "runs/whole"))
    assert done.returncode == 0, done.stderr
    assert "python predict.py --run runs/whole" in done.stdout
    return folder


def test_a_run_directory_has_everything(folder: Path, data: Path) -> None:
    path = folder / "runs" / "whole"
    assert {file.name for file in path.iterdir()} == {
        "best.weights.h5",
        "checkpoint",
        "config.yaml",
        "data_report.json",
        "environment.json",
        "history.csv",
        "labels.json",
        "learnt.json",
        "logits.npz",
        "metrics.json",
        "per_class.csv",
        "plots",
        "report.md",
        "split.json",
        "tensorboard",
        "test_cleaned.csv",
        "thresholds.json",
        "train_cleaned.csv",
    }
    assert {file.name for file in (path / "plots").iterdir()} == {
        "augmentation.png",
        "precision_recall.png",
        "training_metrics.png",
        "label_distribution.png",
        "per_class_f1.png",
    }
    config = yaml.safe_load((path / "config.yaml").read_text())
    assert config["data"] == str(data)
    assert config["images"]["size"] == 16
    history = pd.read_csv(path / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["validation"]["micro_f1"] == history["val_micro_f1"].max()
    assert metrics["best_epoch"] == 1 + history["val_micro_f1"].argmax()
    split = json.loads((path / "split.json").read_text())
    assert len(split["training"]) + len(split["validation"]) == 40
    report = (path / "report.md").read_text()
    assert f"**{metrics['validation']['micro_f1']:.4f}**" in report
    assert "record that is not valid CSV: 40, repaired" in report


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as saved:
        return dict(saved)


def assert_same_run(one: Path, other: Path) -> None:
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
    assert (one / "thresholds.json").read_bytes() == (other / "thresholds.json").read_bytes()
    states = [arrays(path / "checkpoint" / "state.npz") for path in (one, other)]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name])
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (one, other)]
    assert metrics[0]["details"] == metrics[1]["details"]


def test_a_killed_run_goes_on_as_if_never_stopped(folder: Path, data: Path) -> None:
    """Kill -9 in the middle of an epoch, then the same command: history and weights bit for bit the same.

    It is also the same seed twice: two processes, one result.
    """
    command = train_command(data, "runs/killed")
    assert interrupted(folder, signal.SIGKILL, *command).returncode == -signal.SIGKILL
    killed = folder / "runs" / "killed"
    assert pd.read_csv(killed / "history.csv")["epoch"].tolist() == [1]
    assert not (killed / "metrics.json").exists()
    predicted = run(folder, str(ROOT / "predict.py"), "--run", "runs/killed")
    assert predicted.returncode == 2
    assert predicted.stderr.splitlines()[-1].startswith(
        "predict.py: error: runs/killed: this run never finished; go on with it"
    )
    done = run(folder, str(ROOT / "train.py"), *command)
    assert done.returncode == 0, done.stderr
    assert "Going on after epoch 1 of 3" in done.stdout
    assert_same_run(folder / "runs" / "whole", killed)


def test_ctrl_c_says_how_to_go_on(folder: Path, data: Path) -> None:
    stopped = interrupted(folder, signal.SIGINT, *train_command(data, "runs/stopped"))
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    assert "python train.py --resume runs/stopped" in stopped.stdout
    changed = [*train_command(data, "runs/stopped"), "--seed=7"]
    refused = run(folder, str(ROOT / "train.py"), *changed)
    assert refused.returncode == 2
    assert "this run was begun with seed 42, the command says 7" in refused.stderr
    done = run(folder, str(ROOT / "train.py"), "--resume")
    assert done.returncode == 0, done.stderr
    assert_same_run(folder / "runs" / "whole", folder / "runs" / "stopped")


def test_a_finished_run_is_not_trained_again(folder: Path, data: Path) -> None:
    done = run(folder, str(ROOT / "train.py"), *train_command(data, "runs/whole"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("train.py: error: runs/whole: this run is finished")


def test_predict_writes_every_row_once_and_in_order(folder: Path) -> None:
    done = run(folder, str(ROOT / "predict.py"), "--run", "runs/whole", "--out", "s.csv", "--proba", "p.csv")
    assert done.returncode == 0, done.stderr
    assert "Against the labels of the test rows: micro f1" in done.stdout
    submission = pd.read_csv(folder / "s.csv", dtype=str, keep_default_na=False)
    assert list(submission.columns) == ["ImageID", "Labels"]
    assert submission["ImageID"].tolist() == [f"{number}.jpg" for number in range(40, 47)]
    order = {"1": 0, "3": 1, "18": 2}
    for cell in submission["Labels"]:
        places = [order[label] for label in cell.split()]
        assert places == sorted(places) != []
    proba = pd.read_csv(folder / "p.csv")
    assert list(proba.columns) == ["ImageID", "1", "3", "18"]
    saved = json.loads((folder / "runs" / "whole" / "thresholds.json").read_text())
    thresholds = np.array([saved[label] for label in order])
    for labels, scores in zip(submission["Labels"], proba[["1", "3", "18"]].to_numpy(), strict=True):
        decided = np.flatnonzero(scores >= thresholds)
        expected = decided if len(decided) else [scores.argmax()]
        assert labels.split() == [["1", "3", "18"][place] for place in expected]


def scores_by_label(lines: list[str]) -> dict[str, float]:
    return {line.split()[0]: float(line.split()[1]) for line in lines[:3]}


def test_predict_one_picture(folder: Path, data: Path) -> None:
    picture = ["--image", str(data / "data" / "0.jpg"), "--caption", "a dog"]
    done = run(folder, str(ROOT / "predict.py"), "--run", "runs/whole", *picture)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    scores = [float(line.split()[1]) for line in lines[:3]]
    assert scores == sorted(scores, reverse=True)
    saved = json.loads((folder / "runs" / "whole" / "thresholds.json").read_text())
    decided = [label for label in ("1", "3", "18") if scores_by_label(lines)[label] >= saved[label]]
    assert lines[-1] == f"Labels: {' '.join(decided) or lines[0].split()[0]}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "nowhere"], "nowhere: not a run directory"),
        (["--out", "no/such/s.csv"], "no/such: no such folder to write s.csv in"),
        (["--data", "nowhere"], "--data nowhere: no such folder"),
        (["--image", "none.jpg"], "none.jpg: missing; expected a JPEG"),
        (["--ruun", "x"], "unrecognized arguments: --ruun x"),
    ],
)
def test_predict_says_what_is_wrong_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    given = ["--run", "runs/whole"] if "--run" not in arguments else []
    done = run(folder, str(ROOT / "predict.py"), *given, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"predict.py: error: {message}")


def test_changed_weights_are_refused(folder: Path) -> None:
    weights = folder / "runs" / "whole" / "best.weights.h5"
    content = weights.read_bytes()
    weights.write_bytes(content + b"x")
    try:
        done = run(folder, str(ROOT / "predict.py"), "--run", "runs/whole")
    finally:
        weights.write_bytes(content)
    assert done.returncode == 2
    assert "sha256 differs" in done.stderr


def test_settings_that_cannot_be_built_leave_no_run(data: Path, tmp_path: Path) -> None:
    weights = "--loss.class_weights=[1, 2]"
    done = run(tmp_path, str(ROOT / "train.py"), *TINY, f"--data={data}", "--captions.encoder=none", weights)
    assert done.returncode == 2
    assert "loss.class_weights: expected 3 numbers, one for each label; got 2" in done.stderr
    assert not (tmp_path / "runs").exists()
