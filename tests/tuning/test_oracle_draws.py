"""What the oracles draw: values as they were given, ranges, each trial once."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.errors import UserError
from kmlc.tuning.grid import Range
from kmlc.tuning.study import Search
from tests.tuning.test_oracles import AXES, go_on, open_in, oracle

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.lists(VALUES, min_size=1, max_size=4, unique_by=repr))
def test_values_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    it = open_in(tmp_path_factory.mktemp("study"), oracle(axes={"one": values}))
    assert repr([found["one"] for found in go_on(it).values()]) == repr(values)


@pytest.mark.parametrize("search", ["random", "bayesian", "hyperband"])
def test_ranges_are_drawn_from(search: Search, tmp_path: Path) -> None:
    axes: dict[str, list[Any] | Range] = {
        "rate": Range(1e-4, 1e-1, log=True),
        "size": Range(8, 64, whole=True),
        "dropout": Range(0, 0.9),
    }
    it = open_in(tmp_path, oracle(search, axes))
    trials = list(go_on(it).values())
    assert len(trials) >= 5
    for trial in trials:
        assert 1e-4 <= trial["rate"] <= 1e-1
        assert trial["size"] in range(8, 65)
        assert 0 <= trial["dropout"] <= 0.9
    assert len({str(trial) for trial in trials}) == len(trials)
    # Half of the logarithms lie below 10 ** -2.5.
    assert any(trial["rate"] < 10**-2.5 for trial in trials)


@pytest.mark.parametrize("search", ["random", "bayesian"])
def test_draws_find_every_trial_once(search: Search, tmp_path: Path) -> None:
    """KerasTuner's own Bayesian search repeats trials, and its random search misses some of a small space."""
    axes: dict[str, list[Any] | Range] = {"a": [1, 2, 3], "b": [True, False]}
    it = open_in(tmp_path, oracle(search, axes, 100, "val_loss", seed=3))
    trials = [tuple(values.values()) for values in go_on(it).values()]
    assert sorted(trials) == sorted(itertools.product([1, 2, 3], [True, False]))
    assert it.get_best_trials()[0].score == 0.01


def test_hyperband_continues_the_best(tmp_path: Path) -> None:
    it = open_in(tmp_path, oracle("hyperband"))
    trials = list(go_on(it).values())
    # Three epochs: a first round of three trials with one epoch, the best of which continues to three.
    first, best = trials[:3], trials[3]
    assert [trial["train.epochs"] for trial in trials[:4]] == [1, 1, 1, 3]
    assert best == {**first[2], "train.epochs": 3}
    assert all(trial["train.epochs"] == 3 for trial in trials[4:])


@pytest.mark.parametrize(
    ("search", "axes", "message"),
    [
        ("hyperband", {**AXES, "train.epochs": [1, 2]}, "search hyperband: train.epochs must not vary"),
        (
            "hyperband",
            {"seed": [1, 2]},
            "search hyperband: 3 epochs need at least 3 trials; the values make 2",
        ),
    ],
)
def test_axes_that_a_search_does_not_take(
    search: Search, axes: dict[str, list[Any] | Range], message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        oracle(search, axes)


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate([0, 0, 1]):
        it = open_in(tmp_path / str(number), oracle("random", {"rate": Range(0, 1)}, 4, seed=seed))
        drawn.append([values["rate"] for values in go_on(it).values()])
    assert drawn[0] == drawn[1] != drawn[2]
