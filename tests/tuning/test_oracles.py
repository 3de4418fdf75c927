"""The oracles go on after a kill, and what they hand out."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras_tuner.engine.trial import Trial, TrialStatus

from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.tuning.grid import Grid, Range, read_grid
from kmlc.tuning.oracles import ResumableOracle, build_oracle, trial_of
from kmlc.tuning.study import Search

AXES: dict[str, list[Any] | Range] = {"fusion.dropout": [0.5, 0.7], "train.batch_size": [30, 50, 20]}
SEARCHES: list[Search] = ["grid", "random", "bayesian", "hyperband"]


def oracle(search: Search = "grid", axes: dict[str, list[Any] | Range] | None = None) -> ResumableOracle:
    if axes is None:
        # Three trials drawn by chance for each setting come before the first that Bayesian search models.
        axes = {"rate": Range(0, 1)} if search == "bayesian" else AXES
    trials = None if search in ("grid", "hyperband") else 5
    return build_oracle(search, axes, "micro_f1", "max", trials, max_epochs=3, seed=0)


def finish(it: ResumableOracle, trial: Trial, metric: float = 0.5) -> None:
    it.update_trial(trial.trial_id, {it.objective.name: metric})
    trial.status = TrialStatus.COMPLETED
    it.end_trial(trial)


def go_on(it: ResumableOracle) -> list[Trial]:
    """Finish all trials that are left; the metric is the trial's number."""
    found = []
    while (trial := it.create_trial("one")).status == TrialStatus.RUNNING:
        finish(it, trial, int(trial.trial_id) / 100)
        found.append(trial)
    assert trial.status == TrialStatus.STOPPED
    return found


@pytest.mark.parametrize(
    "grid", [read_grid("report2"), Grid("own", "", "system2", {**AXES, "train.epochs": [3, 1]})]
)
def test_the_grid_goes_in_the_order_of_its_trials(grid: Grid, tmp_path: Path) -> None:
    it = oracle(axes=grid.axes())
    it.open(tmp_path)
    found = [trial_of(trial) for trial in go_on(it)]
    assert [list(trial.items()) for trial in found] == [list(trial.items()) for trial in grid.trials()]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("finished", [0, 1, 4])
def test_a_search_goes_on_where_it_was_killed(search: Search, finished: int, tmp_path: Path) -> None:
    """KerasTuner's own grid ends early here, or with a KeyError: it forgets its order and its queue."""
    unbroken, broken = oracle(search), oracle(search)
    unbroken.open(tmp_path / "unbroken")
    expected = {trial.trial_id: trial_of(trial) for trial in go_on(unbroken)}
    broken.open(tmp_path / "broken")
    for number in range(finished):
        finish(broken, broken.create_trial("one"), number / 100)
    interrupted = broken.create_trial("one")

    reloaded = oracle(search)
    reloaded.open(tmp_path / "broken")
    rest = go_on(reloaded)
    assert rest[0].trial_id == interrupted.trial_id
    assert [int(trial.trial_id) for trial in rest] == list(range(finished, len(expected)))
    assert {trial.trial_id: trial_of(trial) for trial in reloaded.trials.values()} == expected
    assert reloaded.get_best_trials()[0].score == (len(expected) - 1) / 100
    assert [path.name for path in (tmp_path / "broken").iterdir()] == ["oracle.json"]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_finished_trial_is_not_run_again(search: Search, tmp_path: Path) -> None:
    """KerasTuner writes the end of a trial while the trial still counts as running."""
    it = oracle(search)
    it.open(tmp_path)
    finish(it, it.create_trial("one"))
    reloaded = oracle(search)
    reloaded.open(tmp_path)
    assert int(reloaded.create_trial("one").trial_id) == 1
    assert len(reloaded.end_order) == 1


def test_running_trials_are_taken_up_first_to_last(tmp_path: Path) -> None:
    it = oracle()
    it.open(tmp_path)
    for name in "abc":
        it.create_trial(name)
    finish(it, it.ongoing_trials["b"])
    reloaded = oracle()
    reloaded.open(tmp_path)
    assert [int(reloaded.create_trial(name).trial_id) for name in "def"] == [0, 2, 3]


def test_several_workers_get_a_trial_at_once(tmp_path: Path) -> None:
    """With KerasTuner's own grid the third worker is told to wait: a trial is queued when it ends."""
    it = oracle()
    it.open(tmp_path)
    trials = [it.create_trial(f"worker {number}") for number in range(6)]
    assert [trial.status for trial in trials] == [TrialStatus.RUNNING] * 6
    expected = itertools.product(*AXES.values())  # type: ignore[arg-type]
    assert [tuple(trial_of(trial).values()) for trial in trials] == list(expected)
    assert it.create_trial("late").status == TrialStatus.IDLE  # One of the six may yet be lost.
    for trial in trials:
        finish(it, trial)
    assert it.create_trial("late").status == TrialStatus.STOPPED


EPOCHS: dict[str, list[Any] | Range] = {"seed": [7, 8], "train.epochs": [1, 2, 3]}


def number_of(trial: Trial) -> int:
    assert trial.status == TrialStatus.RUNNING
    return int(trial.trial_id) + 1


def test_what_goes_on_from_a_running_trial_waits_while_there_is_another(tmp_path: Path) -> None:
    """Trials 1 to 3 and 4 to 6 differ in epochs alone: handed out together, epochs are trained twice."""
    it = oracle(axes=EPOCHS)
    it.open(tmp_path)
    one, two = it.create_trial("one"), it.create_trial("two")
    assert [number_of(one), number_of(two)] == [1, 4]
    finish(it, two)
    two = it.create_trial("two")
    assert number_of(two) == 5
    finish(it, one)
    one = it.create_trial("one")
    assert number_of(one) == 2
    finish(it, two)
    assert number_of(it.create_trial("two")) == 6
    assert trial_of(one) == {"seed": 7, "train.epochs": 2}
    # Only trial 3 is left, which would go on from 2; to wait would take longer.
    assert number_of(it.create_trial("three")) == 3


def test_the_order_and_the_numbers_outlast_a_kill(tmp_path: Path) -> None:
    it = oracle(axes=EPOCHS)
    it.open(tmp_path)
    for name in ("one", "two"):
        it.create_trial(name)
    finish(it, it.ongoing_trials["two"])
    for _ in range(2):  # Killed twice.
        it = oracle(axes=EPOCHS)
        it.open(tmp_path)
        numbers = [number_of(it.create_trial(name)) for name in ("one", "two")]
        assert numbers == [1, 5]
    trials = [trial_of(trial) for trial in it.trials.values()]
    assert trials == [{"seed": seed, "train.epochs": epochs} for seed in (7, 8) for epochs in (1, 2, 3)]
    for name in ("one", "two"):
        finish(it, it.ongoing_trials[name])
    assert [int(trial.trial_id) + 1 for trial in go_on(it)] == [2, 3, 6]


def test_the_first_trials_alone(tmp_path: Path) -> None:
    it = build_oracle("grid", EPOCHS, "micro_f1", "max", 4, 0, seed=0)
    it.open(tmp_path)
    assert [int(trial.trial_id) for trial in go_on(it)] == [0, 1, 2, 3]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_lost_trial_is_given_to_another_and_counts_once(search: Search, tmp_path: Path) -> None:
    it = oracle(search)
    it.open(tmp_path)
    lost = it.create_trial("lost")
    it.update_trial(lost.trial_id, {"micro_f1": 0.1})
    it.give_up("lost")
    it.give_up("lost")
    again = it.create_trial("other")
    assert again.trial_id == lost.trial_id
    finish(it, again, 0.9)
    assert it.get_trial(lost.trial_id).score == 0.9
    assert it.create_trial("other").trial_id != lost.trial_id


def test_many_failures_end_nothing(tmp_path: Path) -> None:
    it = oracle()
    it.open(tmp_path)
    for _ in range(6):
        trial = it.create_trial("one")
        trial.status = TrialStatus.INVALID
        it.end_trial(trial)
    assert it.create_trial("one").status == TrialStatus.STOPPED
    assert [each["status"] for each in read_json(tmp_path / "oracle.json")["trials"]] == ["FAILED"] * 6


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"trials": [1]}', "\0\0\0"])
def test_a_broken_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "oracle.json").write_text(text)
    with pytest.raises(UserError, match=r"^[^\n]*oracle\.json: .* delete the file and .* not trained again$"):
        oracle().open(tmp_path)


def test_any_half_of_the_file_is_one_line(tmp_path: Path) -> None:
    it = oracle()
    it.open(tmp_path)
    go_on(it)
    whole = (tmp_path / "oracle.json").read_bytes()
    for size in range(0, len(whole) - 2, len(whole) // 20):
        (tmp_path / "oracle.json").write_bytes(whole[:size])
        with pytest.raises(UserError):
            oracle().open(tmp_path)


def test_a_full_disk_is_one_line_and_the_search_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = oracle()
    it.open(tmp_path)
    finish(it, it.create_trial("one"))
    trial = it.create_trial("one")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(UserError, match="No space left"):
            finish(it, trial)
    reloaded = oracle()
    reloaded.open(tmp_path)
    assert [int(each.trial_id) for each in go_on(reloaded)] == [1, 2, 3, 4, 5]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.lists(VALUES, min_size=1, max_size=4, unique_by=repr))
def test_values_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    it = oracle(axes={"one": values})
    it.open(tmp_path_factory.mktemp("study"))
    # As workers get them.
    trials = [Trial.from_proto(it.create_trial(str(number)).to_proto()) for number in range(len(values))]
    found = [trial_of(trial)["one"] for trial in trials]
    assert repr(found) == repr(values)


@pytest.mark.parametrize("search", ["random", "bayesian", "hyperband"])
def test_ranges_are_drawn_from(search: Search, tmp_path: Path) -> None:
    axes: dict[str, list[Any] | Range] = {
        "rate": Range(1e-4, 1e-1, log=True),
        "size": Range(8, 64, whole=True),
        "dropout": Range(0, 0.9),
    }
    it = oracle(search, axes)
    it.open(tmp_path)
    trials = [trial_of(trial) for trial in go_on(it)]
    assert len(trials) >= 5
    for trial in trials:
        assert 1e-4 <= trial["rate"] <= 1e-1
        assert trial["size"] in range(8, 65)
        assert 0 <= trial["dropout"] <= 0.9
    assert len({str(trial) for trial in trials}) == len(trials)
    # Half of the logarithms lie below 10 ** -2.5.
    assert any(trial["rate"] < 10**-2.5 for trial in trials)


@pytest.mark.parametrize("search", ["random", "bayesian"])
def test_chance_finds_every_trial_once(search: Search, tmp_path: Path) -> None:
    """KerasTuner's own Bayesian search repeats trials; by chance it misses some of a small space."""
    axes: dict[str, list[Any] | Range] = {"a": [1, 2, 3], "b": [True, False]}
    it = build_oracle(search, axes, "val_loss", "min", 100, 0, seed=3)
    it.open(tmp_path)
    trials = [tuple(trial_of(trial).values()) for trial in go_on(it)]
    assert sorted(trials) == sorted(itertools.product([1, 2, 3], [True, False]))
    assert it.get_best_trials()[0].score == 0


def test_hyperband_lets_the_best_go_on(tmp_path: Path) -> None:
    it = oracle("hyperband")
    it.open(tmp_path)
    trials = go_on(it)
    trials = [trial_of(trial) for trial in trials]
    # Three epochs: a first round of three trials with one epoch, the best of which goes on to three.
    first, best = trials[:3], trials[3]
    assert [trial["train.epochs"] for trial in trials[:4]] == [1, 1, 1, 3]
    assert best == {**first[2], "train.epochs": 3}
    assert all(trial["train.epochs"] == 3 for trial in trials[4:])


@pytest.mark.parametrize(
    ("search", "axes", "message"),
    [
        ("grid", {"train.learning_rate": Range(0.1, 1)}, "search grid: train.learning_rate: a range"),
        ("random", AXES, "search random: expected a number of trials; got none"),
        ("hyperband", {**AXES, "train.epochs": [1, 2]}, "search hyperband: train.epochs must not vary"),
        (
            "hyperband",
            {"seed": [1, 2]},
            "search hyperband: 3 epochs need 3 trials at least; the values make 2",
        ),
        ("random", {"rate": Range(0, 1, log=True)}, "vary: rate: a logarithm needs a min above 0; got 0"),
    ],
)
def test_what_a_search_cannot_go_through(
    search: Search, axes: dict[str, list[Any] | Range], message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        build_oracle(search, axes, "micro_f1", "max", None, 3, 0)


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate([0, 0, 1]):
        it = build_oracle("random", {"rate": Range(0, 1)}, "micro_f1", "max", 4, 0, seed)
        it.open(tmp_path / str(number))
        drawn.append([trial_of(trial)["rate"] for trial in go_on(it)])
    assert drawn[0] == drawn[1] != drawn[2]
