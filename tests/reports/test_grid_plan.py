"""The estimate of `--dry-run`: epochs, shared ones once, times the seconds of an epoch, by the workers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.reports import grid_plan as plan
from kmlc.tasks.shared_rows import SharedRows
from kmlc.training.estimate import Cost
from kmlc.training.run_directory import RunDirectory
from kmlc.tuning.engines import worker
from kmlc.tuning.grid import Grid, Range
from kmlc.tuning.grid_file import read_grid
from kmlc.tuning.options import Options
from kmlc.tuning.records import TrialRun
from kmlc.tuning.start import start_or_continue, unfinished_study
from kmlc.tuning.study import StudyConfig
from tests.tuning.run_fakes import finish

REPORT2 = StudyConfig(read_grid("report2"))  # sixteen trials, pairs of 1 and 3 epochs


def test_the_epochs_of_trials_that_share() -> None:
    assert list(REPORT2.epochs_to_train(share=False).values()) == [1, 3] * 8
    assert list(REPORT2.epochs_to_train(share=True).values()) == [1, 2] * 8
    assert replace(REPORT2, max_trials=3).epochs_to_train(share=True) == {1: 1, 2: 2, 3: 1}


def test_trials_with_the_cosine_schedule_share_no_epochs() -> None:
    """Their learning rates depend on the number of epochs."""
    vary: dict[str, list[Any] | Range] = {"train.schedule": ["plateau", "cosine"], "train.epochs": [1, 3]}
    varied = StudyConfig(Grid("own", "", "mlp", vary))
    assert list(varied.epochs_to_train(share=True).values()) == [1, 2, 1, 3]
    cosine = replace(REPORT2, settings={"train.schedule": "cosine"}, max_trials=4)
    assert list(cosine.epochs_to_train(share=True).values()) == [1, 3, 1, 3]


def test_epochs_that_do_not_vary_are_those_of_the_model() -> None:
    grid = Grid("own", "", "mlp", {"model": ["mlp", "hybrid"], "seed": [1, 2]}, {"train.epochs": 7})
    assert StudyConfig(grid).epochs_to_train(share=True) == dict.fromkeys(range(1, 5), 7)
    grid = replace(grid, settings={})
    expected = [StudyConfig(grid).config(values).train.epochs for values in grid.trials()]
    assert list(StudyConfig(grid).epochs_to_train(share=True).values()) == expected


def test_the_trials_of_a_huge_grid_are_counted_and_not_built() -> None:
    grid = Grid("own", "", "mlp", {f"setting{number}": list(range(100)) for number in range(9)})
    config = StudyConfig(grid, max_trials=3)
    assert config.trial_count == 3
    assert [values["setting8"] for values in config.trials()] == [0, 1, 2]
    assert grid.size == 100**9


@pytest.mark.parametrize(
    ("options", "seeds", "expected"),
    [
        # Sixteen starts of 5 s, and 8 x (1 + 3) or 8 x (1 + 2) epochs of 10 s.
        (Options(share=False), 1, "16 trials: about 7 min"),
        (Options(), 1, "16 trials: about 5 min, shared epochs trained once"),
        (Options(workers=4), 1, "16 trials: about 80 s on 4 workers, shared epochs trained once"),
        (Options(), 3, "16 trials: about 16 min, shared epochs trained once"),
    ],
)
def test_the_time_of_a_study(
    options: Options,
    seeds: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured: list[Config] = []

    def measure(config: Config, data: object) -> Cost:
        measured.append(config)
        return Cost(start=5.0, epoch=10.0)

    monkeypatch.setattr(plan, "measure_cost", measure)
    monkeypatch.setattr(plan, "core_shares", lambda workers: [set()])
    monkeypatch.setattr(SharedRows, "read", lambda self, config: None)
    plan.print_plan(replace(REPORT2, seeds=seeds), options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == expected
    assert len(measured) == 2  # of each batch size one; the rest does not change the time of an epoch
    assert lines[2].startswith(" 1/16  dropout 0.5, batch_size 30, learning_rate 0.01, epochs 1  ")
    assert lines[3].endswith({1: "  35 s", 3: "  3 seeds  2 min"}[seeds])


def test_finished_trials_of_a_study_take_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = Grid("own", "", "mlp", {"seed": [1, 2], "train.epochs": [1, 3]}, objective="micro_map")
    config = StudyConfig(grid)
    study = start_or_continue(config, tmp_path)
    for number, values in enumerate(config.trials()[:3], start=1):
        run = TrialRun(RunDirectory(study.trial(number, values["seed"])), number, values, values["seed"])
        if number < 3:
            finish(run.run)
            run = replace(run, metrics={"micro_map": 0.5})
        run.save(study)
    monkeypatch.setattr(plan, "measure_cost", lambda config, data: Cost(start=5.0, epoch=10.0))
    monkeypatch.setattr(plan, "core_shares", lambda workers: [set()])
    monkeypatch.setattr(SharedRows, "read", lambda self, config: None)
    plan.print_plan(config, Options(), unfinished_study(config, tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("  ")[2] for line in lines[1:5]] == ["finished", "finished", "15 s", "35 s"]
    assert lines[-1] == "2 of 4 trials: about 40 s, shared epochs trained once"
    assert unfinished_study(replace(config, seeds=2), tmp_path) is None
    assert unfinished_study(config, tmp_path / "new") is None


def test_a_search_that_draws_has_no_plan() -> None:
    with pytest.raises(UserError, match=r"^--dry-run: expected --search grid, .*; got random$"):
        plan.print_plan(replace(REPORT2, search="random", max_trials=3), Options())


def test_cores_are_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_cores", lambda: [0, 1, 2, 5, 7])
    assert worker.core_shares(2) == [{0, 2, 7}, {1, 5}]
    assert worker.core_shares(7) == [{0}, {1}, {2}, {5}, {7}, {0}, {1}]
    monkeypatch.setattr(worker, "_cores", list)
    assert worker.core_shares(2) == [set(), set()]
