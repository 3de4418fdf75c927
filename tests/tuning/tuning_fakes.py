"""Searches whose trials train nothing, to be run by every engine and killed by a test."""

import functools
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from kmlc.tuning.engines import Engine
from kmlc.tuning.engines.inline import Inline
from kmlc.tuning.grid import Grid, Range
from kmlc.tuning.options import Options
from kmlc.tuning.oracles import ResumableOracle, build_oracle
from kmlc.tuning.outcome import Outcome, Work
from kmlc.tuning.run_and_retry import search
from kmlc.tuning.study import StudyConfig
from tests.tuning.run_fakes import a_study

AXES: dict[str, list[Any] | Range] = {"a": [1, 2, 3], "b": ["x", "y"], "c": [None, [1, 2]]}
TRIALS = 12

TINY_GRID = """
model: hybrid
settings:
  tower.name: none
  captions.encoder: bigram
  fusion.hidden_dim: 8
  train.monitor: none
  train.batch_size: 8
vary:
  train.epochs: [2, 1]
  train.learning_rate: [0.01, 0.001]
objective: micro_map
"""
"""Trials that train in a second each: captions alone."""

# Processes start as forks of one that has imported the libraries, which takes seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["kmlc.tuning.run_and_retry"])


def grid(folder: Path) -> ResumableOracle:
    oracle = build_oracle(StudyConfig(Grid("fake", "", "mlp", AXES)), 0, seed=0)
    oracle.open(a_study(folder))
    return oracle


@dataclass(frozen=True)
class Fake:
    """Trials that take `seconds` each; the metric of a trial is a hundredth of its number.

    Each notes its start and its end in `log`. Trial `stuck` is stuck in its first attempt, trial `deadly`
    kills its worker in its first `times` attempts. Of `waits`, the first trial waits for the other's end.
    """

    log: Path
    seconds: float = 0.01
    stuck: int | None = None
    deadly: int | None = None
    times: int = 1
    waits: tuple[int, int] = (0, 0)

    def begin(self, number: int, values: Mapping[str, Any]) -> Work:
        return functools.partial(self.train, number)

    def train(self, number: int) -> Outcome:
        attempt = numbers(self.log, "begin").count(number)
        note(self.log, "begin", number)
        waiting, other = self.waits
        if number == waiting:
            wait_until(lambda: other in numbers(self.log, "end"))
        if number == self.deadly and attempt < self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.stuck and attempt == 0:
            time.sleep(60)
        time.sleep(self.seconds)
        note(self.log, "end", number)
        return Outcome({"micro_f1": number / 100, "val_loss": float("nan")})


def note(log: Path, what: str, number: int) -> None:
    with log.open("a") as stream:
        stream.write(f"{what} {number} {os.getpid()}\n")


def numbers(log: Path, what: str) -> list[int]:
    return [number for number, _ in noted(log, what)]


def noted(log: Path, what: str) -> list[tuple[int, int]]:
    """Return the trials in the log, and the process ids of their workers."""
    lines = log.read_text().split("\n") if log.exists() else []
    return [(int(words[1]), int(words[2])) for words in map(str.split, lines) if words and words[0] == what]


def stuck_alone(log: Path) -> bool:
    """Return whether trial 1 is stuck and all others have ended."""
    return 1 in numbers(log, "begin") and len(numbers(log, "end")) == TRIALS - 1


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


def run_search(
    folder: Path, fake: Fake, engine: Callable[[Options, Path], Engine] = Inline, workers: int = 1
) -> dict[int, Outcome]:
    """Run the trials that are left, and return their outcomes."""
    outcomes: dict[int, Outcome] = {}
    with closing(engine(Options(workers=workers), folder)) as opened:
        search(grid(folder), opened, fake.begin, outcomes.__setitem__)
    return outcomes


def start_search(
    folder: Path, fake: Fake, engine: Callable[[Options, Path], Engine] = Inline, workers: int = 1
) -> BaseProcess:
    """Run a search in a process that a test can kill."""
    process = PROCESSES.Process(target=run_search, args=(folder, fake, engine, workers))
    process.start()
    return process


def wait_until(reached: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(process: int) -> bool:
    """Return whether a process runs; one that ended may wait for its parent."""
    try:
        os.kill(process, 0)
        return b") Z " not in Path(f"/proc/{process}/stat").read_bytes()
    except (ProcessLookupError, FileNotFoundError):
        return False
