import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from kmlc.config import Config
from kmlc.data.fraction import fraction_of
from kmlc.files import read_json, write_text
from kmlc.settings import config_from_flags, load_config, save_config
from kmlc.tasks.rows import read_labelled
from kmlc.training import more_epochs
from kmlc.training.auto_settings import resolve_as
from kmlc.training.more_epochs import continue_from
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train as train_run
from tests.helpers import TINY, assert_same_history

FAST = [*TINY, "--tower.name=none", "--captions.encoder=bigram", "--thresholds.method=curve"]
EVERYTHING = [
    "--tower.name=simple_cnn",
    "--train.monitor=loss",
    "--train.early_stopping=2",
    "--train.plateau_patience=1",
    "--train.ema=0.9",
    "--train.accumulation=2",
    "--train.learning_rate=0.02",
    "--train.warmup=0.7",
    "--train.image_rate=0.5",
    "--train.layer_decay=0.8",
]
# A step this small changes no weight, and so no loss: the second epoch is not better than the first.
STOPS_EARLY = ["--train.monitor=loss", "--train.early_stopping=1", "--train.learning_rate=1e-30"]


train = partial(train_run, keep_checkpoint=True)


def settings(data: Path, run: Path, epochs: int, *flags: str) -> Config:
    return config_from_flags([*FAST, f"--data={data}", f"--run={run}", *flags, f"--train.epochs={epochs}"])


@pytest.fixture(scope="module")
def short(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run of one epoch; tests leave it as it is."""
    return train(settings(data, tmp_path_factory.mktemp("more_epochs") / "short", 1))


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as saved:
        return dict(saved)


def weights(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {}))
    return found


def assert_same(one: RunDirectory, other: RunDirectory) -> None:
    """Assert that two runs have the same results, bit for bit."""
    assert_same_history(one.path, other.path)
    assert one.thresholds.read_bytes() == other.thresholds.read_bytes()
    assert one.metrics.read_bytes() == other.metrics.read_bytes()
    states = [arrays(run.checkpoint) for run in (one, other)]
    for state in states:
        del state["history"], state["started"]  # the first is compared above
    assert_same_arrays(*states)
    assert_same_arrays(arrays(one.logits), arrays(other.logits))
    assert_same_arrays(weights(one.best_weights), weights(other.best_weights))


def assert_same_arrays(ours: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> None:
    assert ours.keys() == others.keys()
    assert ours
    for name, values in ours.items():
        np.testing.assert_array_equal(values, others[name], err_msg=name)


def test_a_continued_run_equals_an_uninterrupted_one(data: Path, tmp_path: Path) -> None:
    """Its first epoch has the final metrics of the short run."""
    whole = train(settings(data, tmp_path / "whole", 3, *EVERYTHING))
    short = train(settings(data, tmp_path / "short", 1, *EVERYTHING))
    before = {file: file.read_bytes() for file in short.path.rglob("*") if file.is_file()}
    longer = settings(data, tmp_path / "longer", 3, *EVERYTHING)
    continue_from(short, tmp_path / "longer", longer)
    continued = train(longer)
    assert_same(continued, whole)
    epochs = pd.read_csv(whole.history)
    assert len(epochs) == 3
    lines = [run.history.read_text().splitlines() for run in (short, continued)]
    assert lines[1][:2] == lines[0]
    metrics = read_json(short.metrics)["validation"]
    assert {name: epochs[f"val_{name}"][0] for name in metrics} == metrics
    assert {file: file.read_bytes() for file in before} == before
    logs = {file.name for file in continued.tensorboard.rglob("events*")}
    assert logs > {file.name for file in short.tensorboard.rglob("events*")}


def test_a_run_that_stopped_early_stays_stopped(data: Path, tmp_path: Path) -> None:
    short = train(settings(data, tmp_path / "short", 3, *STOPS_EARLY))
    longer = settings(data, tmp_path / "longer", 5, *STOPS_EARLY)
    continue_from(short, tmp_path / "longer", longer)
    assert_same(train(longer), short)
    assert len(pd.read_csv(short.history)) == 2


def test_resuming_a_run_after_its_last_epoch_only_evaluates(short: RunDirectory, tmp_path: Path) -> None:
    """A kill before the manifest says that the run is finished leaves such a run."""
    shutil.copytree(short.path, tmp_path / "killed")
    killed = RunDirectory(tmp_path / "killed")
    killed.start(killed.manifest.started)
    assert_same(train(load_config(killed.config), resume=killed.path), short)


def test_an_interrupted_copy_can_be_repeated(
    data: Path, short: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of its files, the directory is not yet a run: config.yaml is written last."""
    run, config = RunDirectory(tmp_path / "longer"), settings(data, tmp_path / "longer", 2)
    for name in ("link", "save_config"):
        real, calls = getattr(more_epochs, name), 0

        def killed(*arguments: object, real: Callable[..., None] = real, allowed: int) -> None:
            nonlocal calls
            calls += 1
            if calls > allowed:
                raise KeyboardInterrupt
            real(*arguments)

        for allowed in range(10 if name == "link" else 1):
            calls = 0
            with monkeypatch.context() as patch:
                patch.setattr(
                    more_epochs, name, lambda *arguments, each=allowed: killed(*arguments, allowed=each)
                )
                with pytest.raises(KeyboardInterrupt):
                    continue_from(short, run.path, config)
            assert not run.config.exists()
    continue_from(short, run.path, config)
    assert load_config(run.config) == resolve_as(config, load_config(short.config))
    for name in (
        "split",
        "labels",
        "encoder",
        "rows",
        "data_report",
        "history",
        "best_state",
        "checkpoint",
    ):
        assert getattr(run, name).read_bytes() == getattr(short, name).read_bytes()
    cleaned = {"train_cleaned.csv", "test_cleaned.csv"}
    assert {file.name for file in run.path.glob("*_cleaned.csv")} == cleaned
    left = {file.name for file in run.path.iterdir()}
    assert not left & {"metrics.json", "thresholds.json", "logits.npz", "report.md"}
    assert not [name for name in left if name.startswith(".")]


def test_a_started_run_is_not_copied_again(data: Path, short: RunDirectory, tmp_path: Path) -> None:
    run, config = RunDirectory(tmp_path / "longer"), settings(data, tmp_path / "longer", 2)
    continue_from(short, run.path, config)
    write_text(run.checkpoint, "a later state")
    continue_from(short, run.path, config)
    assert run.checkpoint.read_text() == "a later state"
    assert short.checkpoint.read_bytes() != run.checkpoint.read_bytes()


def test_without_hard_links_files_are_copied(
    data: Path, short: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*arguments: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", no_links)
    continue_from(short, tmp_path / "longer", settings(data, tmp_path / "longer", 2))
    copy = RunDirectory(tmp_path / "longer").checkpoint
    assert copy.read_bytes() == short.checkpoint.read_bytes()
    assert not copy.samefile(short.checkpoint)


def test_only_epochs_may_differ(data: Path, short: RunDirectory, tmp_path: Path) -> None:
    config = settings(data, tmp_path / "longer", 2)
    with pytest.raises(ValueError, match="expected more than 1 epochs; got 1"):
        continue_from(short, tmp_path / "longer", settings(data, tmp_path / "longer", 1))
    with pytest.raises(ValueError, match=r"differ in more than run and train\.epochs"):
        continue_from(short, tmp_path / "longer", replace(config, seed=1))
    shutil.copytree(short.path, tmp_path / "cosine")
    run = RunDirectory(tmp_path / "cosine")
    save_config(
        run.config, replace(load_config(run.config), train=replace(config.train, epochs=1, schedule="cosine"))
    )
    run.finish()
    with pytest.raises(ValueError, match=r"cosine: a run with train\.schedule cosine cannot be made longer"):
        continue_from(run, tmp_path / "longer", config)
    shutil.copytree(short.path, tmp_path / "unfinished")
    RunDirectory(tmp_path / "unfinished").start()
    with pytest.raises(ValueError, match="expected a finished run with its checkpoint"):
        continue_from(RunDirectory(tmp_path / "unfinished"), tmp_path / "longer", config)
    assert not (tmp_path / "longer").exists()


def test_given_rows_replace_those_of_the_folder(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are not reported again."""
    config = settings(data, tmp_path / "half", 1)
    half = fraction_of(read_labelled(config), 0.5, seed=0)
    run = train(config, data=half)
    split = read_json(run.split)
    assert sorted(name for names in split.values() for name in names) == sorted(half.records.ids)
    assert read_json(run.data_report)["training"]["used"] == 20
    assert half.report.summary() not in capsys.readouterr().out
