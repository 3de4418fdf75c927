"""Which settings continue an unfinished run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kmlc.config import (
    CaptionsConfig,
    Config,
    ImagesConfig,
    LabelsConfig,
    LossConfig,
    TowerConfig,
    TrainConfig,
)
from kmlc.errors import UserError
from kmlc.files import read_json, write_text
from kmlc.settings import load_config
from kmlc.tasks.rows import read_labelled
from kmlc.training.prepare import prepare_data, save_prepared_data
from kmlc.training.resume import unfinished_run
from kmlc.training.run_directory import RunDirectory, create_run
from kmlc.training.train import train


@pytest.fixture
def config(data: Path, tmp_path: Path) -> Config:
    """Settings that leave all to auto that can be auto."""
    return Config(
        data=str(data),
        run=str(tmp_path / "run"),
        tower=TowerConfig("none"),
        captions=CaptionsConfig("bigram"),
        train=TrainConfig(epochs=1),
    )


def start(config: Config) -> RunDirectory:
    """Make a run that was stopped before its first step."""
    data, run = read_labelled(config), create_run(config)
    save_prepared_data(run, data, prepare_data(config, data))
    return run


def test_the_same_settings_continue_a_run(config: Config) -> None:
    """The run has numbers where the command says auto."""
    run = start(config)
    assert load_config(run.config) != config
    assert unfinished_run(config, resume=None) == run
    assert train(config) == run
    assert run.finished
    with pytest.raises(UserError, match="this run is finished; there is nothing to continue"):
        unfinished_run(config, resume=None)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 7}, "seed 42, the command says 7"),
        ({"images": ImagesConfig(size=64)}, "images.size 224, the command says 64"),
        ({"labels": LabelsConfig(kind="name")}, "labels.kind integer, the command says name"),
        ({"loss": LossConfig(alpha=2.0)}, "the command says 2.0"),
        ({"train": TrainConfig(epochs=1, precision="float32")}, "precision auto, the command says float32"),
    ],
)
def test_changed_settings_are_refused(config: Config, change: dict[str, object], difference: str) -> None:
    run = start(config)
    with pytest.raises(
        UserError, match=rf"^{run.path}: this run was started with .*{re.escape(difference)}; "
    ):
        unfinished_run(replace(config, **change), resume=None)  # type: ignore[arg-type]


def test_a_given_value_is_not_continued_as_auto(config: Config) -> None:
    start(replace(config, loss=LossConfig(alpha=2.0)))
    with pytest.raises(UserError, match=r"started with loss\.alpha 2\.0, the command says 1\.\d+; "):
        train(config)


def test_a_run_keeps_its_settings_with_resume(config: Config) -> None:
    run = start(config)
    assert unfinished_run(Config(seed=7), resume=run.path) == run


def test_a_directory_with_a_lock_alone_is_new(config: Config, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_text(tmp_path / "run" / ".lock", "process 1 on host")
    assert unfinished_run(config, resume=None) is None
    write_text(tmp_path / "run" / "mine.txt", "something")
    with pytest.raises(UserError, match="not a run directory"):
        unfinished_run(config, resume=None)


def test_a_run_that_another_command_started_meanwhile_is_left_alone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands found the same directory empty; the second would have taken the first one's files."""
    first = RunDirectory(Path(str(config.run)))

    def create_after_another(config: Config) -> RunDirectory:
        monkeypatch.setattr("kmlc.training.train.create_run", create_run)
        start(config)
        return first

    monkeypatch.setattr("kmlc.training.train.create_run", create_after_another)
    with pytest.raises(UserError, match="another command has started a run there meanwhile"):
        train(config)
    assert not first.checkpoint.exists()
    assert train(config) == first


def test_a_run_that_its_holder_finished_meanwhile_is_not_continued(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(config)

    @contextmanager
    def finished_by_the_holder(folder: Path) -> Iterator[None]:
        run.finish()
        yield

    monkeypatch.setattr("kmlc.training.train.locked", finished_by_the_holder)
    with pytest.raises(UserError, match="this run is finished; there is nothing to continue"):
        train(config)


def test_damaged_best_weights_do_not_become_those_of_the_finished_run(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a finished run had their hash: a bit that flipped before was hashed with the rest, exit 0."""
    run = RunDirectory(Path(str(config.run)))
    with monkeypatch.context() as patch:
        patch.setattr("kmlc.training.train.write_results", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    whole = run.best_state.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    run.best_state.unlink()  # it may share its content with the last state
    run.best_state.write_bytes(flipped)
    with pytest.raises(UserError, match=r"run/checkpoint/best\.npz: damaged"):
        train(config)
    assert not run.finished
    run.best_state.unlink()
    with pytest.raises(UserError, match=r"run: best\.npz is missing in its checkpoint; start a new run"):
        train(config)
    run.best_state.write_bytes(whole)
    assert train(config).finished


@pytest.mark.parametrize(
    "damaged", [b"{}", *(pytest.param(each, marks=pytest.mark.slow) for each in (None, b"", b"\x00\xff"))]
)
def test_a_damaged_file_of_the_start_is_one_line(config: Config, damaged: bytes | None) -> None:
    run = start(config)
    names = sorted(run.manifest.files)
    assert {"config.yaml", "labels.json", "rows.npz", "split.json"} <= set(names)
    for name in names:
        whole = (run.path / name).read_bytes()
        if damaged is None:
            (run.path / name).unlink()
        else:
            (run.path / name).write_bytes(damaged)
        said = "missing; expected" if damaged is None else "changed since training wrote it"
        with pytest.raises(UserError, match=f"^{re.escape(str(run.path / name))}: {said}"):
            train(config)
        (run.path / name).write_bytes(whole)
    assert train(config).finished


def test_a_run_is_resumed_in_the_precision_that_it_was_started_in(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` was resolved anew: on another machine the second half was trained in another precision."""
    monkeypatch.setattr("kmlc.training.environment.has_bfloat16", lambda: False)
    with monkeypatch.context() as patch:
        patch.setattr("kmlc.training.train.write_results", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    monkeypatch.setattr("kmlc.training.environment.has_bfloat16", lambda: True)
    run = train(config)
    assert read_json(run.environment, dict)["precision"] == "float32"
    assert load_config(run.config).train.precision == "auto"


def stopped(*arguments: object) -> None:
    raise KeyboardInterrupt
