"""The oracles: what they hand out, and that they continue after a kill."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.tuning.grid import Grid, Range, Values
from kmlc.tuning.grid_file import read_grid
from kmlc.tuning.oracles import ResumableOracle, build_oracle, values_of
from kmlc.tuning.study import Search, StudyConfig
from tests.tuning.run_fakes import a_study

AXES: dict[str, list[Any] | Range] = {"fusion.dropout": [0.5, 0.7], "train.batch_size": [30, 50, 20]}
SEARCHES: list[Search] = ["grid", "random", "bayesian", "hyperband"]


def oracle(
    search: Search = "grid",
    axes: dict[str, list[Any] | Range] | None = None,
    trials: int | None = None,
    objective: str = "micro_f1",
    seed: int = 0,
) -> ResumableOracle:
    if axes is None:
        # Three trials drawn by chance for each setting come before the first that Bayesian search models.
        axes = {"rate": Range(0, 1)} if search == "bayesian" else AXES
    if trials is None and search in ("random", "bayesian"):
        trials = 5
    grid = Grid("own", "", "mlp", axes, objective=objective)
    return build_oracle(StudyConfig(grid, search, max_trials=trials), max_epochs=3, seed=seed)


def open_in(folder: Path, it: ResumableOracle) -> ResumableOracle:
    folder.mkdir(exist_ok=True)
    it.open(a_study(folder))
    return it


def go_on(it: ResumableOracle, slot: int = 0) -> dict[int, Values]:
    """Finish all trials that are left; the metric of each is a hundredth of its number."""
    found = {}
    while (asked := it.ask(slot)) is not None:
        number, values = asked
        it.tell(slot, number / 100)
        found[number] = values
    return found


def number_of(asked: tuple[int, Values] | None) -> int:
    assert asked is not None
    return asked[0]


def values_in(it: ResumableOracle) -> dict[int, Values]:
    return {int(name) + 1: values_of(trial) for name, trial in it.trials.items()}


@pytest.mark.parametrize(
    "grid", [read_grid("report2"), Grid("own", "", "system2", {**AXES, "train.epochs": [3, 1]})]
)
def test_the_grid_is_in_the_order_of_its_trials(grid: Grid, tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle(axes=grid.axes()))
    found = [list(values.items()) for values in go_on(it).values()]
    assert found == [list(values.items()) for values in grid.trials()]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("finished", [0, 1, 4])
def test_a_search_continues_where_it_was_killed(search: Search, finished: int, tmp_path: Path) -> None:
    """KerasTuner's own grid ends early here, or with a KeyError: it forgets its order and its queue."""
    unbroken, broken = oracle(search), oracle(search)
    open_in(tmp_path / "unbroken", unbroken)
    expected = go_on(unbroken)
    open_in(tmp_path / "broken", broken)
    for number in range(1, finished + 1):
        broken.ask(0)
        broken.tell(0, number / 100)
    interrupted = number_of(broken.ask(0))

    reloaded = open_in(tmp_path / "broken", oracle(search))
    rest = list(go_on(reloaded))
    assert rest[0] == interrupted
    assert rest == list(range(finished + 1, len(expected) + 1))
    assert values_in(reloaded) == expected
    assert reloaded.get_best_trials()[0].score == len(expected) / 100
    assert {path.name for path in (tmp_path / "broken").iterdir()} == {"oracle.json", "study.yaml"}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_finished_trial_is_not_run_again(search: Search, tmp_path: Path) -> None:
    """KerasTuner writes the end of a trial while the trial still counts as running."""
    it = open_in(tmp_path, oracle(search))
    it.ask(0)
    it.tell(0, 0.5)
    reloaded = open_in(tmp_path, oracle(search))
    assert number_of(reloaded.ask(0)) == 2
    assert len(reloaded.end_order) == 1


def test_running_trials_are_run_again_first_to_last(tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle())
    for slot in range(3):
        it.ask(slot)
    it.tell(1, 0.5)
    reloaded = open_in(tmp_path, oracle())
    assert [number_of(reloaded.ask(slot)) for slot in range(3)] == [1, 3, 4]


def test_several_slots_get_a_trial_at_once(tmp_path: Path) -> None:
    """With KerasTuner's own grid the third slot gets none: a trial is queued when it ends."""
    it = open_in(tmp_path, oracle())
    asked = [it.ask(slot) for slot in range(6)]
    expected = itertools.product(*AXES.values())  # type: ignore[arg-type]
    assert [tuple(each[1].values()) for each in asked if each] == list(expected)
    assert it.ask(6) is None
    for slot in range(6):
        it.tell(slot, 0.5)
    assert it.ask(0) is None


EPOCHS: dict[str, list[Any] | Range] = {"seed": [7, 8], "train.epochs": [1, 2, 3]}


def test_a_trial_that_continues_a_running_one_waits_while_there_is_another(tmp_path: Path) -> None:
    """Trials 1 to 3 and 4 to 6 differ in epochs alone: handed out together, epochs are trained twice."""
    it = open_in(tmp_path, oracle(axes=EPOCHS))
    assert [number_of(it.ask(slot)) for slot in range(2)] == [1, 4]
    it.tell(1, 0.5)
    assert number_of(it.ask(1)) == 5
    it.tell(0, 0.5)
    assert it.ask(0) == (2, {"seed": 7, "train.epochs": 2})
    it.tell(1, 0.5)
    assert number_of(it.ask(1)) == 6
    # Only trial 3 is left, which would continue trial 2; to wait would take longer.
    assert number_of(it.ask(2)) == 3


def test_the_order_and_the_numbers_outlast_a_kill(tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle(axes=EPOCHS))
    for slot in range(2):
        it.ask(slot)
    it.tell(1, 0.5)
    for _ in range(2):  # Killed twice.
        it = open_in(tmp_path, oracle(axes=EPOCHS))
        assert [number_of(it.ask(slot)) for slot in range(2)] == [1, 5]
    for slot in range(2):
        it.tell(slot, 0.5)
    assert list(go_on(it)) == [2, 3, 6]
    combinations = itertools.product((7, 8), (1, 2, 3))
    expected = [{"seed": seed, "train.epochs": epochs} for seed, epochs in combinations]
    assert [values_in(it)[number] for number in range(1, 7)] == expected


def test_the_first_trials_alone(tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle(axes=EPOCHS, trials=4))
    assert list(go_on(it)) == [1, 2, 3, 4]


def test_the_first_trials_of_a_huge_grid_come_at_once(tmp_path: Path) -> None:
    axes: dict[str, list[Any] | Range] = {f"setting{number}": list(range(100)) for number in range(9)}
    it = open_in(tmp_path, oracle(axes=axes, trials=2))
    assert [values["setting8"] for values in go_on(it).values()] == [0, 1]


@pytest.mark.parametrize("metric", [None, math.nan, math.inf])
def test_many_failures_end_nothing(metric: float | None, tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle())
    for _ in range(6):
        it.ask(0)
        it.tell(0, metric)
    assert it.ask(0) is None
    assert [each["status"] for each in read_json(tmp_path / "oracle.json")["trials"]] == ["FAILED"] * 6


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"trials": [1]}', "\0\0\0"])
def test_a_broken_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "oracle.json").write_text(text)
    with pytest.raises(UserError, match=r"^[^\n]*oracle\.json: damaged.* delete it: [^\n]*$"):
        open_in(tmp_path, oracle())


def test_any_half_of_the_file_is_one_line(tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle())
    go_on(it)
    whole = (tmp_path / "oracle.json").read_bytes()
    for size in range(0, len(whole) - 2, len(whole) // 20):
        (tmp_path / "oracle.json").write_bytes(whole[:size])
        with pytest.raises(UserError):
            open_in(tmp_path, oracle())


def test_a_full_disk_is_one_line_and_the_search_continues_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = open_in(tmp_path, oracle())
    it.ask(0)
    it.tell(0, 0.5)
    it.ask(0)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(json, "dump", full)
        with pytest.raises(UserError, match="No space left"):
            it.tell(0, 0.5)
    reloaded = open_in(tmp_path, oracle())
    assert list(go_on(reloaded)) == [2, 3, 4, 5, 6]
