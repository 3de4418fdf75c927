"""A search in one process: what ends it, what does not, and kill -9."""

import json
import random
import time
from pathlib import Path

import pytest

from kmlc.errors import UserError
from kmlc.tuning.grid import Values
from kmlc.tuning.search import search
from tests.tuning.tuning_fakes import TRIALS, Fake, assert_complete, grid, numbers, record, start_search


def test_a_search_runs_every_trial_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, Values]] = []

    def run_trial(number: int, values: Values) -> dict[str, float]:
        seen.append((number, values))
        return {"micro_f1": -number, "val_loss": float("nan")}

    search(grid(), tmp_path / "study", run_trial)
    assert [number for number, _ in seen] == list(range(1, TRIALS + 1))
    assert seen[0][1] == {"a": 1, "b": "x", "c": None}
    assert seen[-1][1] == {"a": 3, "b": "y", "c": [1, 2]}
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["oracle.json"]
    search(grid(), tmp_path / "study", run_trial)
    assert len(seen) == TRIALS
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "error", [UserError("data/1.jpg: is gone"), OSError(28, "full"), KeyboardInterrupt()]
)
def test_what_ends_a_search_comes_out_as_itself(error: BaseException, tmp_path: Path) -> None:
    fake = Fake(tmp_path / "log")

    def run_trial(number: int, values: Values) -> dict[str, float]:
        if number == 3:
            raise error
        return fake(number, values)

    with pytest.raises(type(error)) as caught:
        search(grid(), tmp_path, run_trial)
    assert caught.value is error
    search(grid(), tmp_path, fake)
    assert numbers(fake.log, "end") == list(range(1, TRIALS + 1))
    assert_complete(tmp_path)


def test_a_failed_trial_does_not_end_a_search(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run_trial(number: int, values: Values) -> dict[str, float]:
        if number % 2:
            raise ValueError("no such layer")
        return {"micro_f1": {2: float("nan"), 4: float("inf")}.get(number, number)}

    search(grid(), tmp_path, run_trial)
    status = {number: trial["status"] for number, trial in record(tmp_path).items()}
    good = {6, 8, 10, 12}
    assert status == {number: "COMPLETED" if number in good else "FAILED" for number in range(1, TRIALS + 1)}
    json.loads((tmp_path / "oracle.json").read_text(), parse_constant=pytest.fail)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_it_goes_on(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    fake = Fake(tmp_path / "log", seconds=0.02)
    for _ in range(4):
        finished = (
            {number for number, trial in record(tmp_path).items() if trial["status"] == "COMPLETED"}
            if (tmp_path / "oracle.json").exists()
            else set()
        )
        begun = len(numbers(fake.log, "begin"))
        process = start_search(tmp_path, fake)
        time.sleep(rng.uniform(0, 0.25))
        process.kill()
        process.join()
        assert not finished & set(numbers(fake.log, "begin")[begun:])
    search(grid(), tmp_path, fake)
    assert_complete(tmp_path)
    # What a kill true_positives after its end and before the record is run again, nothing else.
    assert len(numbers(fake.log, "end")) <= TRIALS + 4
