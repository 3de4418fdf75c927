"""`tune.py` under each engine: equal results, also after kill -9 of a worker, a node or the driver."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.helpers import ROOT, run_command
from tests.tuning.tuning_fakes import TINY_GRID, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    (folder / "tiny.yaml").write_text(TINY_GRID)
    return folder


def command(data: Path, name: str, *flags: str) -> list[str]:
    grid = ["--grid=tiny.yaml", f"--data={data}", f"--run={name}", "--keep=4"]
    return [str(ROOT / "tune.py"), *grid, *flags]


@pytest.fixture(scope="module")
def whole(folder: Path, data: Path) -> Path:
    """A study that was never stopped, trained inline."""
    done = run_command(folder, *command(data, "whole"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "tiny: 4 trials"
    assert [line.split()[:2] for line in lines[2:6]] == [["trial", f"{number}/4"] for number in range(1, 5)]
    assert "--config whole/best.yaml" in lines[-1]
    return folder / "whole"


def assert_equal(study: Path, whole: Path) -> None:
    """The tables are equal, all columns but the minutes, and so are the weights of all trials."""
    pd.testing.assert_frame_equal(results(study), results(whole), check_exact=True)
    for run in results(whole)["run"]:
        ours, theirs = (weights(path / run / "best.weights.h5") for path in (study, whole))
        assert ours.keys() == theirs.keys()
        assert ours
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def results(study: Path) -> pd.DataFrame:
    table = pd.read_csv(study / "results.csv").sort_values(["trial", "seed"])
    return table.drop(columns="minutes").reset_index(drop=True)


def weights(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


def started(folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=output, stderr=output)


def wait_for_training(study: Path, process: subprocess.Popen[bytes]) -> None:
    def training() -> bool:
        assert process.poll() is None
        return bool(list(study.glob("trials/*/config.yaml")))

    wait_until(training, seconds=120)


@pytest.mark.parametrize("engine", ["inline", "processes", "ray"])
def test_a_driver_that_was_killed_continues(
    engine: str, folder: Path, data: Path, whole: Path, request: pytest.FixtureRequest
) -> None:
    """Killed in its first trial, continued at once, killed at a random moment, continued to the end."""
    name = f"killed-{engine}"
    arguments = command(data, name, f"--engine={engine}", *([] if engine == "inline" else ["--workers=2"]))
    if engine == "ray":
        cluster = request.getfixturevalue("cluster")
        for _ in range(2):
            cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
        arguments.append(f"--address={cluster.address}")
    process = started(folder, arguments)
    wait_for_training(folder / name, process)
    process.kill()
    process.wait()
    process = started(folder, arguments)
    time.sleep(random.Random(0).uniform(8, 16))
    process.kill()
    process.wait()
    done = run_command(folder, *arguments)
    finished = "this study is finished" in done.stderr
    assert done.returncode == (2 if finished else 0), done.stderr
    assert_equal(folder / name, whole)


def test_a_killed_worker_costs_an_attempt_of_its_trial(folder: Path, data: Path, whole: Path) -> None:
    process = started(folder, command(data, "lost", "--workers=2"))
    wait_for_training(folder / "lost", process)
    listed = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=True
    )
    os.kill(int(listed.stdout.split()[0]), signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    assert "its worker died; trying again" in (folder / "output.txt").read_text()
    assert_equal(folder / "lost", whole)


def test_a_node_that_is_removed_from_ray_costs_nothing(
    folder: Path, data: Path, whole: Path, cluster: Any
) -> None:
    nodes = [cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1") for _ in range(2)]
    process = started(folder, command(data, "node", "--engine=ray", f"--address={cluster.address}"))
    wait_for_training(folder / "node", process)
    cluster.remove_node(nodes[1])
    assert process.wait(timeout=300) == 0
    assert_equal(folder / "node", whole)


def test_ctrl_c_says_how_to_continue(folder: Path, data: Path) -> None:
    with (folder / "stopped.txt").open("w") as output:
        arguments = [sys.executable, *command(data, "stopped", "--workers=2")]
        process = subprocess.Popen(arguments, cwd=folder, stdout=output, stderr=output)
    wait_for_training(folder / "stopped", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    said = (folder / "stopped.txt").read_text()
    assert "The same command continues the study." in said
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
