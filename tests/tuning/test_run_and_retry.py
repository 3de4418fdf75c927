"""The loop of a search with trials that train nothing: what ends it, what does not, and kill -9."""

import functools
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.tuning.engines.inline import Inline
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work
from kmlc.tuning.run_and_retry import search
from tests.tuning.tuning_fakes import (
    TRIALS,
    Fake,
    assert_complete,
    grid,
    numbers,
    record,
    run_search,
    start_search,
)

INLINE = Inline(Options(), Path())


def test_a_search_runs_every_trial_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    seen: list[tuple[int, Mapping[str, Any]]] = []
    ended: dict[int, Outcome] = {}

    def begin(number: int, values: Mapping[str, Any]) -> Work:
        seen.append((number, values))
        return functools.partial(Outcome, {"micro_f1": -number, "val_loss": float("nan")})

    search(grid(folder), INLINE, begin, ended.__setitem__)
    assert [number for number, _ in seen] == list(ended) == list(range(1, TRIALS + 1))
    assert seen[0][1] == {"a": 1, "b": "x", "c": None}
    assert seen[-1][1] == {"a": 3, "b": "y", "c": [1, 2]}
    assert ended[5].metrics["micro_f1"] == -5
    assert {path.name for path in folder.iterdir()} == {"oracle.json", "study.yaml"}
    search(grid(folder), INLINE, begin, ended.__setitem__)
    assert len(seen) == TRIALS
    assert capfd.readouterr().out == ""


def test_ctrl_c_ends_a_search_which_continues_later(tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log")

    def stopping(number: int, values: Mapping[str, Any]) -> Work:
        if number == 3:
            raise KeyboardInterrupt
        return fake.begin(number, values)

    with pytest.raises(KeyboardInterrupt):
        search(grid(tmp_path), INLINE, stopping, lambda number, outcome: None)
    run_search(tmp_path, fake)
    assert numbers(fake.log, "end") == list(range(1, TRIALS + 1))
    assert_complete(tmp_path)


def test_an_outcome_that_ends_the_search_is_raised(tmp_path: Path) -> None:
    fake, ended = Fake(tmp_path / "log"), dict[int, Outcome]()

    def begin(number: int, values: Mapping[str, Any]) -> Work:
        full = functools.partial(Outcome, error="data/1.jpg: is gone", ends_search=True)
        return full if number == 3 else fake.begin(number, values)

    with pytest.raises(UserError, match=r"^data/1\.jpg: is gone$"):
        search(grid(tmp_path), INLINE, begin, ended.__setitem__)
    assert list(ended) == [1, 2]
    run_search(tmp_path, fake)
    assert_complete(tmp_path)


def test_a_failed_trial_does_not_end_a_search(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def begin(number: int, values: Mapping[str, Any]) -> Work:
        if number % 2:
            return functools.partial(Outcome, error="no such layer")
        metric = {2: float("nan"), 4: float("inf")}.get(number, number)
        return functools.partial(Outcome, {"micro_f1": metric})

    search(grid(tmp_path), INLINE, begin, lambda number, outcome: None)
    status = {number: trial["status"] for number, trial in record(tmp_path).items()}
    good = {6, 8, 10, 12}
    assert status == {number: "COMPLETED" if number in good else "FAILED" for number in range(1, TRIALS + 1)}
    json.loads((tmp_path / "oracle.json").read_text(), parse_constant=pytest.fail)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_it_continues(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    fake = Fake(tmp_path / "log", seconds=0.02)
    for _ in range(4):
        finished = (
            {number for number, trial in record(tmp_path).items() if trial["status"] == "COMPLETED"}
            if (tmp_path / "oracle.json").exists()
            else set()
        )
        started = len(numbers(fake.log, "begin"))
        process = start_search(tmp_path, fake)
        time.sleep(rng.uniform(0, 0.25))
        process.kill()
        process.join()
        assert not finished & set(numbers(fake.log, "begin")[started:])
    run_search(tmp_path, fake)
    assert_complete(tmp_path)
    # A kill between the end of a trial and the record repeats that trial, and nothing else.
    assert len(numbers(fake.log, "end")) <= TRIALS + 4
