"""Ray on two nodes of this machine: a lost node, a deadly trial, a killed driver, a missing disk."""

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kmlc.commands.tune import main
from kmlc.errors import UserError
from kmlc.tuning.engines.ray import Ray
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome
from kmlc.tuning.run_and_retry import search
from tests.helpers import ROOT
from tests.tuning.run_fakes import a_study
from tests.tuning.tuning_fakes import (
    Fake,
    alive,
    assert_complete,
    grid,
    noted,
    numbers,
    record,
    start_search,
    stuck_alone,
    wait_until,
)


def test_without_ray_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'^--engine ray: Ray is not installed; pip install "kmlc\[ray\]"$'):
        Ray(Options(engine="ray"), tmp_path)


def raylet_of(worker: int) -> int:
    """Return the process that started a worker: the raylet of its node."""
    return int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])


def search_on(cluster: Any, folder: Path, fake: Fake) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    oracle = grid(folder)
    with closing(Ray(Options(engine="ray", address=cluster.address), folder)) as engine:
        assert engine.slots == 2
        search(oracle, engine, fake.begin, outcomes.__setitem__)
    return outcomes


@pytest.mark.slow
def test_trials_of_a_removed_node_run_on_the_other(cluster: Any, tmp_path: Path) -> None:
    nodes = [cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1") for _ in range(2)]
    fake = Fake(tmp_path / "log", stuck=1)  # on one of the nodes, which is removed

    def remove() -> None:
        wait_until(lambda: stuck_alone(fake.log))
        worker = dict(noted(fake.log, "begin"))[1]
        lost = next(
            node for node in nodes if raylet_of(worker) == node.all_processes["raylet"][0].process.pid
        )
        cluster.remove_node(lost)

    removing = threading.Thread(target=remove)
    removing.start()
    outcomes = search_on(cluster, tmp_path, fake)
    removing.join()
    assert numbers(fake.log, "begin").count(1) == 2
    assert not any(outcome.error for outcome in outcomes.values())
    assert_complete(tmp_path)


@pytest.mark.slow
def test_a_trial_that_kills_three_workers_fails(cluster: Any, tmp_path: Path) -> None:
    for _ in range(2):
        cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    fake = Fake(tmp_path / "log", deadly=2, times=99)
    outcomes = search_on(cluster, tmp_path, fake)
    assert numbers(fake.log, "begin").count(2) == 3
    assert outcomes[2].error.startswith("its worker died each time that it was tried: WorkerCrashedError: ")
    status = [trial["status"] for trial in record(tmp_path).values()]
    assert status == ["COMPLETED", "FAILED", *["COMPLETED"] * 10]


@pytest.mark.slow
def test_workers_end_with_a_driver_that_was_killed(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    fake = Fake(tmp_path / "log", stuck=1)
    a_study(tmp_path)
    driver = start_search(tmp_path, fake, Ray, workers=2)
    wait_until(lambda: stuck_alone(fake.log))
    worker = dict(noted(fake.log, "begin"))[1]
    assert alive(worker)
    driver.kill()
    driver.join()
    wait_until(lambda: not alive(worker), seconds=10)
    search_on(cluster, tmp_path, fake)
    assert_complete(tmp_path)


@pytest.mark.slow
def test_a_node_that_does_not_share_the_disk_is_named(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    # Each process finds another study there.
    monkeypatch.setattr("kmlc.tuning.engines.ray._identity", lambda folder: f"study of {os.getpid()}")
    with pytest.raises(UserError) as caught:
        Ray(Options(address=cluster.address), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: Ray's node 127.0.0.1 does not share this directory")


@pytest.mark.slow
def test_a_trial_that_needs_more_than_the_cluster_has(cluster: Any, tmp_path: Path) -> None:
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    a_study(tmp_path)
    # It waited for ever when --workers was given, and when two nodes had as much between them.
    for flags, needed in ({"gpus": 0.5}, "--cpus 1 --gpus 0.5"), ({"cpus": 2}, "--cpus 2 --gpus 0"):
        with pytest.raises(
            UserError,
            match=f"^{needed}: more than any node of the cluster has: 0 CPUs, 0 GPUs; 1 CPUs, 0 GPUs$",
        ):
            Ray(Options(address=cluster.address, workers=1, **flags), tmp_path)
    with closing(Ray(Options(address=cluster.address, cpus=0.5), tmp_path)) as engine:
        assert engine.slots == 4


@pytest.mark.slow
def test_a_cluster_that_goes_away_ends_the_search(cluster: Any, tmp_path: Path) -> None:
    """The driver waited for ever, and so did `ray.nodes()`."""
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    fake = Fake(tmp_path / "log", stuck=1)

    def stop() -> None:
        wait_until(lambda: numbers(fake.log, "begin"))
        cluster.head_node.kill_all_processes(check_alive=False)

    stopping = threading.Thread(target=stop)
    stopping.start()
    oracle = grid(tmp_path)
    engine = Ray(Options(address=cluster.address), tmp_path)
    gone = pytest.raises(UserError, match=f"^--address {cluster.address}: the Ray cluster is gone")
    with gone, closing(engine):
        search(oracle, engine, fake.begin, dict[int, Outcome]().__setitem__)
    stopping.join()


@pytest.mark.slow
def test_ray_is_silent_about_workers_that_die(cluster: Any, tmp_path: Path) -> None:
    """It printed a paragraph in yellow for each. In a process of its own: Ray reads the setting at import."""
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    a_study(tmp_path)
    code = (
        "import os, sys; from pathlib import Path; from kmlc.tuning.engines.ray import Ray\n"
        "from functools import partial; from kmlc.tuning.options import Options\n"
        "engine = Ray(Options(address=sys.argv[1]), Path(sys.argv[2]))\n"
        "print(type(engine.submit(0, partial(os._exit, 1)).exception()).__name__)\n"
        "engine.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, cluster.address, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout + done.stderr == "WorkerCrashedError\n"


@pytest.mark.slow
def test_no_cluster_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match=r"^--address auto: no Ray cluster answers \(.*`ray start --head`"):
        Ray(Options(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "nowhere", "[::1]:1"])
def test_an_address_where_nobody_answers_is_one_line_at_once(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ray tried for a minute, with lines of its own, when the study's directory was made already."""
    pytest.importorskip("ray")
    start, run = time.monotonic(), tmp_path / "study"
    assert main(["--grid=report2", "--engine=ray", f"--address={address}", f"--run={run}"]) == 2
    said = capfd.readouterr().err
    assert f"--address {address}: no Ray cluster answers (" in said
    assert said.count("\n") == 1
    assert not run.exists()
    assert time.monotonic() - start < 30
