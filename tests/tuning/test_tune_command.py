"""`tune.py` as a user types it: killed at random moments, and with workers."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers import ROOT, run_command
from tests.tuning.tuning_fakes import TINY_GRID

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    (folder / "tiny.yaml").write_text(TINY_GRID)
    return folder


def command(data: Path, name: str, *flags: str) -> list[str]:
    return [str(ROOT / "tune.py"), "--grid=tiny.yaml", f"--data={data}", f"--run={name}", *flags]


@pytest.fixture(scope="module")
def whole(folder: Path, data: Path) -> pd.DataFrame:
    """The results of a study that was never stopped."""
    done = run_command(folder, *command(data, "whole"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "tiny: 4 trials"
    assert [line.split()[:2] for line in lines[2:6]] == [["trial", f"{number}/4"] for number in range(1, 5)]
    assert "python train.py --config whole/best.yaml" in lines[-1]
    return results(folder / "whole")


def results(study: Path) -> pd.DataFrame:
    table = pd.read_csv(study / "results.csv").sort_values(["trial", "seed"])
    return table.drop(columns="minutes").reset_index(drop=True)


def started(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen([sys.executable, *words], cwd=folder, stdout=output, stderr=output)


def test_killed_at_random_moments(folder: Path, data: Path, whole: pd.DataFrame) -> None:
    """Three kills, then the end: every trial once, and all metrics as if there were none."""
    chance = random.Random(0)
    words = command(data, "killed")
    for _ in range(3):
        process = started(folder, words)
        # Imports take seconds in which nothing happens.
        while not (folder / "killed" / "oracle.json").exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(chance.uniform(2, 14))
        process.kill()
        process.wait()
    done = run_command(folder, *words)
    finished = "this study is finished" in done.stderr
    assert done.returncode == (2 if finished else 0), done.stderr
    pd.testing.assert_frame_equal(results(folder / "killed"), whole, check_exact=True)


def test_two_workers_come_to_the_same(folder: Path, data: Path, whole: pd.DataFrame) -> None:
    done = run_command(folder, *command(data, "two", "--workers=2"))
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(results(folder / "two"), whole, check_exact=True)
    assert sorted(line.split()[1] for line in done.stdout.splitlines() if line.startswith("trial")) == [
        f"{number}/4" for number in range(1, 5)
    ]


def test_the_trial_of_a_lost_worker_is_taken_up(folder: Path, data: Path, whole: pd.DataFrame) -> None:
    """One of two workers is killed in its first trial."""
    process = started(folder, command(data, "lost", "--workers=2"))
    while not list((folder / "lost").glob("trials/*/config.yaml")):
        assert process.poll() is None
        time.sleep(0.05)
    workers = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "--", "--worker"], capture_output=True, text=True, check=True
    )
    os.kill(int(workers.stdout.split()[0]), signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    pd.testing.assert_frame_equal(results(folder / "lost"), whole, check_exact=True)


def test_ctrl_c_says_how_to_go_on(folder: Path, data: Path) -> None:
    with (folder / "stopped.txt").open("w") as output:
        words = [sys.executable, *command(data, "stopped")]
        process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=output)
    while not list((folder / "stopped").glob("trials/*/config.yaml")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    said = (folder / "stopped.txt").read_text()
    assert "The same command goes on with the rest." in said
    assert "Traceback" not in said


def test_workers_that_cannot_train_say_why(folder: Path, data: Path) -> None:
    done = run_command(folder, *command(data / "nowhere", "nowhere", "--workers=2"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no such folder; expected one with train.csv" in done.stderr


def test_a_dry_run_writes_nothing(folder: Path, data: Path) -> None:
    done = run_command(folder, *command(data, "dry", "--dry-run"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [f"{number}/4" for number in range(1, 5)]
    assert lines[-1].startswith("4 trials: about ")
    assert not (folder / "dry").exists()
