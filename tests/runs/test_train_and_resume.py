"""The commands themselves, as a user types them, in a temporary folder."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from kmlc.errors import UserError
from kmlc.settings import config_from_flags
from kmlc.training.train import train
from tests.helpers import ROOT, TINY, assert_same_history, run_command

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
from kmlc.commands.train import main
sys.exit(main())
"""


# Most of the hybrid's time is TensorFlow tracing its graph; the commands are the same for any model.
LIGHT = ["--tower.name=simple_cnn", "--captions.encoder=bigram"]


def train_command(data: Path, name: str, model: list[str] = LIGHT) -> list[str]:
    # Accumulation, EMA weights, dropout, the rate of each update and weight: every state that must be resumed.
    return [
        *TINY,
        *model,
        f"--data={data}",
        f"--run={name}",
        "--train.epochs=3",
        "--train.accumulation=2",
        "--train.ema=0.9",
        "--train.weight_decay=0.1",
        "--train.schedule=cosine",
        "--train.warmup=0.7",
        "--train.image_rate=0.5",
        "--train.layer_decay=0.8",
        "--thresholds.method=curve",
    ]


def interrupted(folder: Path, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(folder, "-c", INTERRUPTED.format(root=str(ROOT), signal=number), *arguments)


def paused(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Return a training that is paused in the middle of its second epoch."""
    code = INTERRUPTED.format(root=str(ROOT), signal=signal.SIGSTOP)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=folder, stdout=subprocess.DEVNULL
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return process


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run in runs/whole."""
    folder = tmp_path_factory.mktemp("commands")
    done = run_command(folder, str(ROOT / "train.py"), *train_command(data, "runs/whole"))
    assert done.returncode == 0, done.stderr
    assert "predict.py --run runs/whole --out submission.csv" in done.stdout
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def test_what_training_prints_is_logged(folder: Path) -> None:
    log = (folder / "runs" / "whole" / "train.log").read_text()
    assert "epoch 3/3" in log
    assert (folder / "stdout.txt").read_text().startswith(log)


def test_a_run_directory_has_all_its_files(folder: Path, data: Path) -> None:
    path = folder / "runs" / "whole"
    assert {file.name for file in path.iterdir()} == {
        ".lock",
        "best.weights.h5",
        "config.yaml",
        "data_report.json",
        "environment.json",
        "history.csv",
        "labels.json",
        "encoder.json",
        "logits.npz",
        "manifest.json",
        "metrics.json",
        "per_class.csv",
        "plots",
        "report.md",
        "rows.npz",
        "split.json",
        "tensorboard",
        "test_cleaned.csv",
        "thresholds.json",
        "train.log",
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
    assert config["labels"]["kind"] == "integer"
    assert config["loss"]["alpha"] > 0
    assert (config["train"]["precision"], config["train"]["xla"]) == ("auto", "auto")
    environment = json.loads((path / "environment.json").read_text())
    assert (environment["precision"], environment["xla"]) in [
        *(("float32", False), ("mixed_bfloat16", False), ("mixed_float16", True))
    ]
    history = pd.read_csv(path / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert (history["seconds"] > 0).all()
    lines = [line for line in (path / "train.log").read_text().splitlines() if line.startswith("epoch ")]
    for line, seconds in zip(lines, history["seconds"], strict=True):
        assert f"  {seconds:.0f} s" in line
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["validation"]["micro_f1"] == history["val_micro_f1"].max()
    assert metrics["best_epoch"] == 1 + history["val_micro_f1"].argmax()
    split = json.loads((path / "split.json").read_text())
    assert len(split["training"]) + len(split["validation"]) == 40
    report = (path / "report.md").read_text()
    assert f"**{metrics['validation']['micro_f1']:.4f}**" in report
    assert "record that is not valid CSV: 40, repaired" in report


def logits(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "logits.npz", allow_pickle=False) as saved:
        return dict(saved)


def weights(run: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(run / "best.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {}))
    assert found
    return found


def assert_same_run(one: Path, other: Path) -> None:
    assert_same_history(one, other)
    assert (one / "thresholds.json").read_bytes() == (other / "thresholds.json").read_bytes()
    for read in (weights, logits):
        first, second = read(one), read(other)
        assert first.keys() == second.keys()
        for name, value in first.items():
            np.testing.assert_array_equal(value, second[name], err_msg=name)
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (one, other)]
    assert metrics[0]["details"] == metrics[1]["details"]


def test_a_killed_run_resumes_bit_for_bit(folder: Path, data: Path) -> None:
    """Kill -9 in the middle of an epoch, then the same command: history and weights bit for bit the same.

    While it trains, other commands are refused. It is also the same seed twice: two processes, one result.
    """
    command = train_command(data, "runs/killed")
    training = paused(folder, *command)
    for resume in (command, ["--resume", "runs/killed"]):
        refused = run_command(folder, str(ROOT / "train.py"), *resume)
        assert refused.returncode == 2
        held = f"runs/killed: in use by process {training.pid} on {socket.gethostname()} since "
        assert refused.stderr.splitlines()[-1].startswith(f"train.py: error: {held}")
    newest = run_command(folder, str(ROOT / "train.py"), "--resume")
    assert newest.returncode == 2
    assert "no unfinished run that no process is training" in newest.stderr
    training.kill()
    training.wait()
    killed = folder / "runs" / "killed"
    assert pd.read_csv(killed / "history.csv")["epoch"].tolist() == [1]
    assert not (killed / "metrics.json").exists()
    predicted = run_command(folder, str(ROOT / "predict.py"), "--run", "runs/killed")
    assert predicted.returncode == 2
    assert predicted.stderr.splitlines()[-1].startswith(
        "predict.py: error: runs/killed: this run is not finished; continue it"
    )
    done = run_command(folder, str(ROOT / "train.py"), *command)
    assert done.returncode == 0, done.stderr
    assert "Continuing after epoch 1 of 3" in done.stdout
    assert_same_run(folder / "runs" / "whole", killed)
    log = (killed / "train.log").read_text().splitlines()
    assert [line.split()[1] for line in log if line.startswith("epoch ")] == ["1/3", "2/3", "3/3"]


TERMS = ["--tower.name=simple_cnn", "--captions.encoder=tfidf"]
TERMS += ["--fusion.modality_dropout=0.3", "--fusion.l2=0.001"]


@pytest.mark.slow
@pytest.mark.parametrize("model", [[], TERMS])
def test_other_killed_models_resume_bit_for_bit(model: list[str], data: Path, tmp_path: Path) -> None:
    """The same with an LSTM, attention and BERT, which have random layers of their own, and with terms."""
    whole, killed = (train_command(data, name, model=model) for name in ("whole", "killed"))
    assert run_command(tmp_path, str(ROOT / "train.py"), *whole).returncode == 0
    assert interrupted(tmp_path, signal.SIGKILL, *killed).returncode == -signal.SIGKILL
    assert run_command(tmp_path, str(ROOT / "train.py"), *killed).returncode == 0
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
def test_ctrl_c_says_how_to_resume(folder: Path, data: Path) -> None:
    stopped = interrupted(folder, signal.SIGINT, *train_command(data, "runs/stopped"))
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    assert "python train.py --resume runs/stopped" in stopped.stdout
    changed = [*train_command(data, "runs/stopped"), "--seed=7"]
    refused = run_command(folder, str(ROOT / "train.py"), *changed)
    assert refused.returncode == 2
    assert "this run was started with seed 42, the command says 7" in refused.stderr
    done = run_command(folder, str(ROOT / "train.py"), "--resume")
    assert done.returncode == 0, done.stderr
    assert_same_run(folder / "runs" / "whole", folder / "runs" / "stopped")


def test_a_finished_run_is_not_trained_again(folder: Path, data: Path) -> None:
    finished = str(folder / "runs" / "whole")
    with pytest.raises(UserError, match=f"^{finished}: this run is finished"):
        train(config_from_flags(train_command(data, finished)))


def test_settings_that_cannot_be_built_leave_no_run(data: Path, tmp_path: Path) -> None:
    weights = "--loss.class_weights=[1, 2]"
    command = [*TINY, *LIGHT, f"--data={data}", f"--run={tmp_path / 'run'}", weights]
    with pytest.raises(
        UserError, match=r"loss\.class_weights: expected 3 numbers, one for each label; got 2"
    ):
        train(config_from_flags(command))
    assert not (tmp_path / "run").exists()
