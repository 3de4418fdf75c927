"""Data that changed between stop and resume went on with exit 0; now a line says what changed."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, TowerConfig, TrainConfig
from kmlc.data.columns import RowView, strings
from kmlc.errors import UserError
from kmlc.files import write_text
from kmlc.tasks.rows import read_labelled
from kmlc.training.prepare import load_prepared_data, prepare_data, save_prepared_data
from kmlc.training.row_hashes import rows_of_splits, save_row_hashes
from kmlc.training.run_directory import RunDirectory, create_run
from kmlc.training.run_files import load_split
from kmlc.training.train import train
from tests.helpers import draw, edit, make_data


@pytest.fixture
def config(tmp_path: Path) -> Config:
    data = make_data(tmp_path / "folder", rows=20)
    return Config(data=str(data), run=str(tmp_path / "run"), captions=CaptionsConfig("bigram"))


def start(config: Config) -> RunDirectory:
    """Make a run that was stopped before its first step."""
    data, run = read_labelled(config), create_run(config)
    save_prepared_data(run, data, prepare_data(config, data))
    return run


def exchange_labels(folder: Path) -> None:
    """Exchange the labels 1 and 18; the vocabulary stays."""
    lines = (folder / "train.csv").read_text().splitlines()
    swapped = {"1": "18", "18": "1", "3": "3"}
    for number, line in enumerate(lines[1:], start=1):
        name, cell, rest = line.split(",", 2)
        lines[number] = f"{name},{' '.join(swapped[label] for label in cell.split())},{rest}"
    write_text(folder / "train.csv", "\n".join(lines) + "\n")


def change_captions(folder: Path) -> None:
    for name in ("3.jpg", "7.jpg"):
        line = next(line for line in (folder / "train.csv").read_text().splitlines() if line.startswith(name))
        edit(folder / "train.csv", line, line.replace("seen", "lost"))


def change_an_image(folder: Path) -> None:
    draw(folder / "data" / "5.jpg", ["1"], np.random.default_rng(1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (exchange_labels, r"\d+ of 20 label sets \(first: \d+\.jpg\)"),
        (change_captions, r"2 of 20 captions \(first: [37]\.jpg\)"),
        (change_an_image, r"1 of 20 images \(first: 5\.jpg\)"),
    ],
)
def test_changed_rows_are_refused(change: Callable[[Path], None], said: str, config: Config) -> None:
    run, folder = start(config), Path(str(config.data))
    change(folder)
    expected = f"^{folder / 'train.csv'}: {said} changed since {re.escape(str(run.path))} was started; "
    with pytest.raises(UserError, match=expected):
        load_prepared_data(run, read_labelled(config))


def test_several_changes_are_one_line(config: Config) -> None:
    run, folder = start(config), Path(str(config.data))
    change_captions(folder)
    change_an_image(folder)
    with pytest.raises(UserError, match=r"2 of 20 captions .* and 1 of 20 images \(first: 5\.jpg\) changed"):
        load_prepared_data(run, read_labelled(config))


def test_what_a_run_does_not_use_may_change(config: Config) -> None:
    config = replace(config, captions=CaptionsConfig("none"))
    run = start(config)
    change_captions(Path(str(config.data)))
    assert len(load_prepared_data(run, read_labelled(config)).training)


def test_changed_feature_vectors_are_refused(config: Config, tmp_path: Path) -> None:
    config = replace(config, data=None, tower=TowerConfig("mlp"), captions=CaptionsConfig("none"))
    data = read_labelled(config)
    save_prepared_data(run := create_run(config), data, prepare_data(config, data))
    assert data.records.features is not None
    features, rows = data.records.features[:], len(data.records)
    features[17, 0] += 1
    view = RowView(features, np.arange(rows))
    changed = replace(data, records=replace(data.records, features=view))
    with pytest.raises(UserError, match=rf"1 of {rows:,} feature vectors \(first: 17\) changed since"):
        load_prepared_data(run, changed)


def test_added_rows_are_not_used(config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The result is that of the run without them, and a line says so."""
    config = replace(config, tower=TowerConfig("none"), train=TrainConfig(epochs=1))
    start(config)
    whole = train(replace(config, run=str(tmp_path / "whole")))
    capsys.readouterr()
    with (Path(str(config.data)) / "train.csv").open("a") as table:
        table.write('x.jpg,1,"A person"\ny.jpg,3,"A car"\n')
    resumed = train(config)
    line = f"rows added since {resumed.path} was started, which are not used: 2\n"
    assert line in capsys.readouterr().out
    assert resumed.metrics.read_bytes() == whole.metrics.read_bytes()
    assert resumed.split.read_bytes() == whole.split.read_bytes()


def test_a_resumed_run_keeps_its_names_of_labels(config: Config) -> None:
    run = start(config)
    write_text(Path(str(config.data)) / "label_names.csv", "Label,Name\n1,human\n")
    data = read_labelled(config)
    assert data.vocabulary.names[0] == "human"
    assert load_prepared_data(run, data).vocabulary.names[0] == "1"


def test_rows_are_known_by_their_images(config: Config, tmp_path: Path) -> None:
    """Under other names too; a row without a readable image is none of the run's."""
    run = start(config)
    split, records = load_split(run), read_labelled(config).records
    renamed = replace(records, ids=strings(f"new-{name}" for name in records.ids))
    assert renamed.facts is not None
    renamed.facts["sha256"][3] = b""
    found = rows_of_splits(run.rows, config, split, renamed)
    for name, rows in split.items():
        assert set(records.ids[found[name]].tolist()) == set(rows) - {records.ids[3]}


def test_a_row_is_of_every_split_with_an_equal_one(config: Config) -> None:
    """Only of the last one: a vector of training and validation rows was not excluded as trained on."""
    config = replace(config, data=None, tower=TowerConfig("mlp"), captions=CaptionsConfig("none"))
    records = read_labelled(config).records.take(np.array([0, 1, 0, 2]))
    run = create_run(config)
    split = {"training": ["a", "b"], "validation": ["c", "d"]}
    parts = {
        name: records.take(np.array(rows)) for name, rows in (("training", [0, 1]), ("validation", [2, 3]))
    }
    save_row_hashes(run.rows, config, parts)
    found = {name: rows.tolist() for name, rows in rows_of_splits(run.rows, config, split, records).items()}
    assert found == {"training": [True, True, True, False], "validation": [True, False, True, True]}


def test_rows_of_captions_alone_are_known_by_name_and_caption(config: Config) -> None:
    config = replace(config, tower=TowerConfig("none"))
    run = start(config)
    records = read_labelled(config).records
    captions = records.captions.copy()
    captions[:2] = "another"
    ids = records.ids.copy()
    ids[2:4] = ["x.jpg", "y.jpg"]
    changed = replace(records, captions=captions, ids=ids)
    found = rows_of_splits(run.rows, config, load_split(run), changed)
    assert np.flatnonzero(found["training"] | found["validation"]).tolist() == list(range(4, 20))
