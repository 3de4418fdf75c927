"""Ray on two nodes of this machine: a lost node, a deadly trial, a killed driver, a missing disk."""

import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.tuning.engines.ray import Ray
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome
from kmlc.tuning.search import search
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
    with closing(Ray(Options(engine="ray", address=cluster.address), folder)) as engine:
        assert engine.slots == 2
        search(grid(folder), engine, fake.begin, outcomes.__setitem__)
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
    monkeypatch.setattr("kmlc.tuning.engines.ray.write_text", lambda file, text: file.write_text("other"))
    with pytest.raises(UserError) as caught:
        Ray(Options(address=cluster.address), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: Ray's node 127.0.0.1 does not share this directory")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_trial_that_needs_more_than_the_cluster_has(cluster: Any, tmp_path: Path) -> None:
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    with pytest.raises(UserError, match=r"^--cpus 1 --gpus 1: more than the cluster has: 1 CPUs, 0 GPUs$"):
        Ray(Options(address=cluster.address, gpus=1), tmp_path)


@pytest.mark.slow
def test_no_cluster_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match=r"^--address auto: no Ray cluster answers \(.*`ray start --head`"):
        Ray(Options(), tmp_path)
    assert not list(tmp_path.iterdir())
