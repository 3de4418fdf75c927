"""Searches, chiefs and workers without training, to be run as processes that a test can kill."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from kmlc.errors import UserError
from kmlc.tuning import chief
from kmlc.tuning.grid import Range, Values
from kmlc.tuning.oracles import ResumableOracle, build_oracle
from kmlc.tuning.search import search

AXES: dict[str, list[Any] | Range] = {"a": [1, 2, 3], "b": ["x", "y"], "c": [None, [1, 2]]}
TRIALS = 12

TINY_GRID = """
model: hybrid
settings:
  tower.name: none
  captions.encoder: bigram
  fusion.hidden_dim: 8
  train.monitor: nothing
  train.batch_size: 8
vary:
  train.epochs: [2, 1]
  train.learning_rate: [0.01, 0.001]
objective: micro_map
"""
"""Trials that train in a second each: captions alone."""

# Processes start as forks of one that has imported the libraries, which takes seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["kmlc.tuning.chief"])


def grid() -> ResumableOracle:
    return build_oracle("grid", AXES, "micro_f1", "max", None, 0, seed=0)


@dataclass
class Fake:
    """A trial that takes `seconds` and has a hundredth of its number as its metric.

    It notes its beginning and its end in `log`. Whoever comes first to trial `stuck` stays in it.
    """

    log: Path
    seconds: float = 0.01
    stuck: int | None = None
    stop: bool = False
    start: Barrier | None = None

    def __call__(self, number: int, values: Values) -> dict[str, float]:
        first = number not in numbers(self.log, "begin")
        note(self.log, "begin", number)
        if self.start is not None:
            self.start.wait(20)
            self.start = None
        if number == self.stuck and first:
            if self.stop:
                os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(60)
        time.sleep(self.seconds)
        note(self.log, "end", number)
        return {"micro_f1": number / 100, "val_loss": float("nan")}


def note(log: Path, what: str, number: int) -> None:
    with log.open("a") as stream:
        stream.write(f"{what} {number}\n")


def numbers(log: Path, what: str) -> list[int]:
    lines = log.read_text().split("\n") if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(what)]


def record(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the trials in a study's state by number."""
    trials = json.loads((folder / "oracle.json").read_text())["trials"]
    found = {int(trial["trial_id"]) + 1: trial for trial in trials}
    assert len(found) == len(trials)
    return found


def assert_complete(folder: Path) -> None:
    """Every trial is in the record once, completed, with its own metric."""
    trials = record(folder)
    assert list(trials) == list(range(1, TRIALS + 1))
    assert [trial["status"] for trial in trials.values()] == ["COMPLETED"] * TRIALS
    assert [trial["score"] for trial in trials.values()] == [number / 100 for number in trials]


def start_search(folder: Path, fake: Fake) -> BaseProcess:
    return _start(_search, folder, fake)


def start_chief(folder: Path, address: str) -> BaseProcess:
    return _start(_serve, folder, address)


def start_worker(folder: Path, address: str, name: str, fake: Fake) -> BaseProcess:
    return _start(_work, folder, address, name, fake)


def wait_for(log: Path, what: str, number: int, times: int = 1) -> None:
    """Wait until a trial has begun or ended that often."""
    end = time.monotonic() + 30
    while numbers(log, what).count(number) < times:
        assert time.monotonic() < end
        time.sleep(0.01)


def ended(workers: dict[str, BaseProcess]) -> Iterable[str]:
    return [name for name, process in workers.items() if not process.is_alive()]


def _start(target: Any, *arguments: Any) -> BaseProcess:
    process = PROCESSES.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def _search(folder: Path, fake: Fake) -> None:
    search(grid(), folder, fake)


def _serve(folder: Path, address: str) -> None:
    chief.serve(grid(), folder, address, None, patience=60)


def _work(folder: Path, address: str, name: str, fake: Fake) -> None:
    chief.HEARTBEAT, chief.ANSWER = 0.1, 3
    # As the commands do: a test run in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        chief.work(grid(), folder, address, name, fake)
    except UserError as error:
        (folder / f"{name}.error").write_text(str(error))
