"""Worker processes: a death costs an attempt of one trial, and they end with the driver."""

import os
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from kmlc.tuning.engines.processes import Processes
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome
from tests.helpers import ROOT
from tests.tuning.tuning_fakes import (
    TRIALS,
    Fake,
    alive,
    assert_complete,
    noted,
    numbers,
    record,
    run_search,
    start_search,
    stuck_alone,
    wait_until,
)


def test_two_workers_share_the_trials(tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log", waits=(1, 2))
    outcomes = run_search(tmp_path, fake, Processes, workers=2)
    assert_complete(tmp_path)
    assert sorted(outcomes) == list(range(1, TRIALS + 1))
    assert sorted(numbers(fake.log, "begin")) == list(range(1, TRIALS + 1))
    workers = {worker for _, worker in noted(fake.log, "begin")}
    assert len(workers) == 2
    assert os.getpid() not in workers
    assert not any(map(alive, workers))
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"log", "oracle.json", "study.yaml", "worker-1.txt", "worker-2.txt"}


@pytest.mark.slow
def test_the_trial_of_a_killed_worker_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Fake(tmp_path / "log", deadly=1, waits=(1, 2))
    run_search(tmp_path, fake, Processes, workers=2)
    assert_complete(tmp_path)
    assert sorted(numbers(fake.log, "begin")) == [1, *range(1, TRIALS + 1)]
    assert len({worker for _, worker in noted(fake.log, "begin")}) == 3  # the other worker lives on
    assert capsys.readouterr().out == "trial 1: its worker died; trying again\n"


@pytest.mark.slow
def test_a_trial_that_kills_three_workers_fails_and_the_search_continues(tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log", deadly=2, times=99)
    outcomes = run_search(tmp_path, fake, Processes, workers=2)
    assert numbers(fake.log, "begin").count(2) == 3
    assert outcomes.pop(2).error.startswith(
        "its worker died each time that it was tried: BrokenProcessPool: "
    )
    assert not any(outcome.error for outcome in outcomes.values())
    status = [trial["status"] for trial in record(tmp_path).values()]
    assert status == ["COMPLETED", "FAILED", *["COMPLETED"] * 10]


def test_workers_end_within_a_second_of_a_driver_that_was_killed(tmp_path: Path) -> None:
    """Else they would train on beside those of the same command given again. One trains here, one is idle."""
    fake = Fake(tmp_path / "log", stuck=1)
    driver = start_search(tmp_path, fake, Processes, workers=2)
    wait_until(lambda: stuck_alone(fake.log))
    workers = {worker for _, worker in noted(fake.log, "begin")}
    assert len(workers) == 2
    assert all(map(alive, workers))
    driver.kill()
    driver.join()
    wait_until(lambda: not any(map(alive, workers)), seconds=1)
    run_search(tmp_path, fake)
    assert_complete(tmp_path)


DRIVER = """
import locking
from pathlib import Path
from kmlc.tuning.engines.processes import Processes
from kmlc.tuning.options import Options
if __name__ == "__main__":
    engine = Processes(Options(workers=2), Path("."))
    for slot in range(2):
        engine.submit(slot, locking.trial).result()
    engine.close()
"""
"""A driver whose workers make a semaphore, as tqdm does."""


def test_idle_workers_free_their_semaphores(tmp_path: Path) -> None:
    """Python warned of leaked semaphores at the end of each study with workers."""
    (tmp_path / "locking.py").write_text(
        "import multiprocessing\nkept = []\ndef trial():\n    kept.append(multiprocessing.RLock())\n"
    )
    (tmp_path / "driver.py").write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, "driver.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def environment(names: tuple[str, ...]) -> Outcome:
    values = [os.environ[name] for name in names]
    print(*values)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return Outcome({"cores": cores})


def test_the_environment_of_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has the threads of the whole process and its share of the cores; what the user set counts."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(names[2], "false")
    (tmp_path / "worker-2.txt").write_text("earlier\n")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    with closing(Processes(Options(workers=2), tmp_path)) as engine:
        outcome = engine.submit(1, partial(environment, names)).result()
    threads = cores or os.cpu_count()
    log = (tmp_path / "worker-2.txt").read_text()
    assert log.startswith("earlier\n")
    assert log.endswith(f"\n{threads} {threads} false\n")
    assert outcome.metrics["cores"] == (max(1, cores // 2) if cores else 0)
