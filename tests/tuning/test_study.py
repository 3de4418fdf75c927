"""Studies on a tiny grid: shared epochs, what is kept, and going on after a stop, in this process."""

import dataclasses
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from tensorflow.python.framework.func_graph import FuncGraph

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.settings import load_config
from kmlc.training import callbacks as callbacks_module
from kmlc.training.history import History, write_history
from kmlc.training.memory import free_last_model
from kmlc.training.train import train
from kmlc.tuning import trial as trial_module
from kmlc.tuning.options import Options
from kmlc.tuning.records import write_results
from kmlc.tuning.start import start_or_continue
from kmlc.tuning.study import Search, Study, StudyConfig
from kmlc.tuning.tune import tune

OPTIONS = Options(cache="off")


def run(config: StudyConfig, path: Path, options: Options = OPTIONS) -> pd.DataFrame:
    study = start_or_continue(config, path)
    tune(study, config, options)
    return read(study)


def read(study: Study) -> pd.DataFrame:
    return pd.read_csv(study.results, keep_default_na=False)


@pytest.fixture(scope="module")
def whole(config: StudyConfig, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study."""
    path = tmp_path_factory.mktemp("study") / "whole"
    run(config, path)
    return Study(path)


def metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Return what does not depend on the clock."""
    return table.sort_values(["trial", "seed"]).drop(columns="minutes").reset_index(drop=True)


def test_a_row_for_each_trial(whole: Study) -> None:
    table = read(whole)
    columns = ["trial", "train.learning_rate", "train.epochs", "seed", "minutes", "train_loss", "val_loss"]
    assert list(table.columns[:7]) == columns
    assert list(table.columns[-2:]) == ["run", "error"]
    trials = table[["trial", "train.learning_rate", "train.epochs"]].to_numpy().tolist()
    assert trials == [[1, 0.01, 1], [2, 0.01, 2], [3, 0.001, 1], [4, 0.001, 2]]
    assert (table["seed"] == 42).all()
    for row in table.to_dict("records"):
        path = whole.path / row["run"]
        metrics, history = read_json(path / "metrics.json"), pd.read_csv(path / "history.csv")
        assert row["micro_f1"] == metrics["validation"]["micro_f1"]
        assert row["micro_map"] == metrics["validation"]["micro_map"]
        assert row["train_loss"] == history["loss"].iloc[-1]
        assert row["val_loss"] == history["val_loss"].iloc[-1]
        assert row["minutes"] == pytest.approx(history["seconds"].sum() / 60)
        assert len(history) == row["train.epochs"]


def test_the_shorter_trial_is_the_first_epochs_of_the_longer(whole: Study) -> None:
    histories = {
        trial: (whole.trial(trial, 42) / "history.csv").read_text().splitlines() for trial in range(1, 5)
    }
    for short, long in ((1, 2), (3, 4)):
        assert len(histories[short]) == 2
        assert histories[long][:2] == histories[short]
        output = whole.trial(long, 42).with_suffix(".txt").read_text()
        assert "Continuing after epoch 1 of 2" in output


@pytest.mark.slow
def test_trials_trained_apart_come_to_the_same(whole: Study, config: StudyConfig, tmp_path: Path) -> None:
    apart = run(config, tmp_path / "apart", dataclasses.replace(OPTIONS, share=False))
    pd.testing.assert_frame_equal(metrics(apart), metrics(read(whole)), check_exact=True)
    output = Study(tmp_path / "apart").trial(2, 42).with_suffix(".txt").read_text()
    assert "Going on" not in output


def test_only_the_best_trial_keeps_its_weights(whole: Study, config: StudyConfig) -> None:
    table = read(whole)
    best = table.sort_values("micro_map").to_dict("records")[-1]
    kept = sorted(path.parent.name for path in whole.trials.glob("*/best.weights.h5"))
    assert kept == [Path(best["run"]).name]
    assert list(whole.trials.glob("*/checkpoint")) == []
    settings = load_config(whole.best)
    assert settings.run is None
    assert settings.train.epochs == best["train.epochs"]
    assert settings.train.learning_rate == best["train.learning_rate"]
    # What is `auto` stays so: the run's own settings hold what it meant on the rows of the search.
    assert settings == config.config({key: best[key] for key in config.grid.vary})


def test_a_study_knows_what_it_is_of(whole: Study, config: StudyConfig) -> None:
    with pytest.raises(UserError, match="this study is finished"):
        start_or_continue(config, whole.path)
    other = dataclasses.replace(config, fraction=0.5)
    with pytest.raises(UserError, match="this study has another grid or other options"):
        start_or_continue(other, whole.path)


@pytest.mark.parametrize("search", ["random", "bayesian"])
def test_a_search_that_draws_needs_a_number_of_trials(search: Search, config: StudyConfig) -> None:
    expected = f"^--search {search}: expected --trials, the number of trials; got none$"
    with pytest.raises(UserError, match=expected):
        dataclasses.replace(config, search=search)


def test_the_same_command_goes_on_with_the_newest_unfinished(
    config: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = start_or_continue(config)
    assert start_or_continue(config) == first
    assert start_or_continue(dataclasses.replace(config, seeds=2)) != first
    assert start_or_continue(dataclasses.replace(config, max_trials=1)) != first


class Stop(keras.callbacks.Callback):
    """Stops as Ctrl-C would, in the given epoch of the whole study."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.left = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch == 1:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.fixture
def stop_in_epoch(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def stop(epoch: int) -> None:
        stopper = Stop(epoch)

        def stopping(config: Config, callbacks: list[keras.callbacks.Callback], **others: Any) -> Any:
            return train(config, callbacks=[*callbacks, stopper], **others)

        monkeypatch.setattr(trial_module, "train", stopping)

    return stop


def test_a_stopped_study_goes_on_where_it_was(
    whole: Study, config: StudyConfig, tmp_path: Path, stop_in_epoch: Callable[[int], None]
) -> None:
    """Stopped in trial 2 and again in trial 3: nothing is trained twice, and all metrics are the same."""
    study = start_or_continue(config, tmp_path / "stopped")
    # Epochs are 1: trial 1; 2: trial 2, its second; 3: trial 3; 4: trial 4, its second.
    stop_in_epoch(2)
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS)
    assert read(study)["trial"].tolist() == [1]
    stop_in_epoch(2)
    with pytest.raises(KeyboardInterrupt):
        tune(study, config, OPTIONS)
    assert read(study)["trial"].tolist() == [1, 2]
    stop_in_epoch(3)
    tune(study, config, OPTIONS)
    pd.testing.assert_frame_equal(metrics(read(study)), metrics(read(whole)), check_exact=True)


@pytest.mark.slow
def test_a_stop_before_the_last_epoch_is_in_the_table(
    config: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state has the epoch, history.csv has not: it was short for ever, and the study with it."""
    config = dataclasses.replace(config, max_trials=2)
    study = start_or_continue(config, tmp_path / "stopped")

    def stopped(path: Path, history: History) -> None:
        if len(history) == 2:
            raise KeyboardInterrupt
        write_history(path, history)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks_module, "write_history", stopped)
        with pytest.raises(KeyboardInterrupt):
            tune(study, config, OPTIONS)
    tune(study, config, OPTIONS)
    assert pd.read_csv(study.trial(2, 42) / "history.csv")["epoch"].tolist() == [1, 2]
    assert read(study)["error"].tolist() == ["", ""]


def test_a_trial_that_fails_is_noted_and_the_others_go_on(
    config: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(settings: Any, **options: Any) -> Any:
        if settings.train.learning_rate == 0.01:
            raise RuntimeError("out of\nmemory")
        return train(settings, **options)

    monkeypatch.setattr(trial_module, "train", failing)
    table = run(config, tmp_path / "failing")
    assert table["error"].tolist() == ["out of memory", "out of memory", "", ""]
    assert load_config(Study(tmp_path / "failing").best).train.learning_rate == 0.001
    output = Study(tmp_path / "failing").trial(1, 42).with_suffix(".txt").read_text()
    assert "RuntimeError: out of\nmemory" in output


def test_a_study_all_of_whose_trials_fail_says_so(
    config: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    monkeypatch.setattr(trial_module, "train", failing)
    with pytest.raises(UserError, match=r"every trial failed: no$"):
        run(config, tmp_path / "failing")


def test_seeds_and_a_fraction_of_the_rows(config: StudyConfig, tmp_path: Path) -> None:
    config = dataclasses.replace(config, seeds=2, fraction=0.5, max_trials=1)
    table = run(config, tmp_path / "seeds")
    assert table[["trial", "seed"]].to_numpy().tolist() == [[1, 42], [1, 43]]
    assert table["micro_map"].nunique() == 2
    splits = [read_json(tmp_path / "seeds" / run / "split.json") for run in table["run"]]
    rows = [set(split["training"]) | set(split["validation"]) for split in splits]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 20
    oracle = read_json(tmp_path / "seeds" / "oracle.json")
    (trial,) = oracle["trials"]
    assert trial["score"] == pytest.approx(np.mean(table["micro_map"]), rel=1e-12)


@pytest.mark.slow
def test_a_random_search_lists_only_its_number_of_trials(config: StudyConfig, tmp_path: Path) -> None:
    """Random search over the same values: as many trials as trials, no trial twice."""
    config = dataclasses.replace(config, search="random", max_trials=3)
    table = run(config, tmp_path / "random")
    trials = table[["train.learning_rate", "train.epochs"]].drop_duplicates()
    assert len(trials) == len(table) == 3


def test_results_can_be_written_before_there_are_any(config: StudyConfig, tmp_path: Path) -> None:
    table = write_results(start_or_continue(config, tmp_path / "new"), config)
    assert list(table.columns) == ["trial", "train.learning_rate", "train.epochs", "seed", "run", "error"]
    assert table.empty


@pytest.mark.slow
def test_models_of_finished_trials_are_let_go(config: StudyConfig, tmp_path: Path) -> None:
    """TensorFlow kept the graph of every fit's step, and with it each trial's weights."""
    run(dataclasses.replace(config, max_trials=2), tmp_path / "two")
    free_last_model()
    gc.collect()
    assert not any(isinstance(each, FuncGraph | keras.Model) for each in gc.get_objects())
