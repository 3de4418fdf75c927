import functools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, ImagesConfig, SplitConfig, TableConfig, TowerConfig
from kmlc.data.columns import strings
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.objectives.losses import mean_class_alpha
from kmlc.settings import load_config
from kmlc.tasks.rows import read_labelled
from kmlc.training import prepare
from kmlc.training.prepare import PreparedData, load_prepared_data, prepare_data, save_prepared_data
from kmlc.training.resume import unfinished_run
from kmlc.training.run_directory import RunDirectory, create_run
from tests.helpers import draw


@pytest.fixture
def config(data: Path, tmp_path: Path) -> Config:
    return Config(
        data=str(data),
        run=str(tmp_path / "run"),
        split=SplitConfig(validation=0.2, test=0.1),
        captions=CaptionsConfig("none"),
    )


@pytest.fixture
def labelled(config: Config) -> LabelledData:
    return read_labelled(config)


@pytest.fixture
def saved(config: Config, labelled: LabelledData) -> tuple[RunDirectory, PreparedData]:
    return save(config, labelled)


def save(config: Config, labelled: LabelledData) -> tuple[RunDirectory, PreparedData]:
    run, prepared = create_run(config), prepare_data(config, labelled)
    save_prepared_data(run, labelled, prepared)
    return run, prepared


def test_a_run_keeps_its_splits(saved: tuple[RunDirectory, PreparedData], labelled: LabelledData) -> None:
    run, prepared = saved
    ids = {name: records.ids.tolist() for name, records in prepared.splits.items()}
    assert read_json(run.split) == ids
    assert sorted(name for names in ids.values() for name in names) == sorted(labelled.records.ids)
    assert 2 <= len(ids["test"]) <= 6 <= len(ids["validation"]) <= 10
    loaded = load_prepared_data(run, labelled)
    for name, records in prepared.splits.items():
        assert loaded.splits[name].ids.tolist() == records.ids.tolist()
        assert loaded.splits[name].labels.tolist() == records.labels.tolist()


def test_settings_are_resolved_and_saved(
    saved: tuple[RunDirectory, PreparedData], config: Config, labelled: LabelledData
) -> None:
    run, prepared = saved
    assert (config.images.size, config.labels.kind, config.loss.alpha) == ("auto", "auto", "auto")
    resolved = prepared.config
    alpha = mean_class_alpha(prepared.training.labels)
    assert (resolved.images.size, resolved.labels.kind, resolved.loss.alpha) == (224, "integer", alpha)
    assert load_config(run.config) == resolved
    assert load_prepared_data(run, labelled).config == resolved


def test_a_run_is_not_overwritten(saved: tuple[RunDirectory, PreparedData], labelled: LabelledData) -> None:
    run, prepared = saved
    with pytest.raises(UserError, match=r"run: another command started this run meanwhile; "):
        save_prepared_data(run, labelled, prepared)


def test_without_a_test_split_there_are_no_test_rows(config: Config, labelled: LabelledData) -> None:
    prepared = prepare_data(replace(config, split=SplitConfig()), labelled)
    assert len(prepared.test) == 0
    assert len(prepared.training) + len(prepared.validation) == 40


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        (SplitConfig("random", 0.01), "40 to train on, 0 to validate on and 0 to test on"),
        (SplitConfig("random", 0.2, 0.01), "32 to train on, 8 to validate on and 0 to test on"),
        (SplitConfig("random", 0.99), "0 to train on, 40 to validate on and 0 to test on"),
    ],
)
def test_an_empty_split_is_an_error(
    config: Config, labelled: LabelledData, split: SplitConfig, counts: str
) -> None:
    expected = (
        f"split.validation {split.validation} and split.test {split.test} of 40 rows leave {counts}; "
        "expected a row for every split that is not 0; raise the smallest share, or add rows"
    )
    with pytest.raises(UserError, match=re.escape(expected)):
        prepare_data(replace(config, split=split), labelled)


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_rows_of_one_picture_are_an_error_that_says_so(
    config: Config, labelled: LabelledData, method: Literal["random", "stratified"]
) -> None:
    """The line had counts alone, of which no setting changes anything."""
    facts = np.array(labelled.records.facts)
    facts["sha256"] = b"ab"
    data = replace(labelled, records=replace(labelled.records, facts=facts))
    with pytest.raises(UserError, match="; all 40 rows show one picture, so they stay in one split: add"):
        prepare_data(replace(config, split=SplitConfig(method)), data)


def write_untidy_data(folder: Path) -> None:
    """Write a folder with a corrupt image in each table, a broken caption and entries that are no labels."""
    (folder / "data").mkdir(parents=True)
    for name in ("0.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"):  # no two are equal
        draw(folder / "data" / name, ["1"], np.random.default_rng(int(name[0])))
    for name in ("1.jpg", "6.jpg"):
        (folder / "data" / name).write_bytes((folder / "data" / "0.jpg").read_bytes()[:100])
    (folder / "train.csv").write_text(
        "ImageID,Labels,Caption\n"
        '0.jpg,18 3,"A "red" car, parked."\n'
        "1.jpg,1,A person.\n"
        '2.jpg,1 x,"A man\non a bench."\n'
        "3.jpg,,\n"
        "4.jpg,y,Nothing.\n"
        "0.jpg,1,Again.\n"
    )
    (folder / "test.csv").write_text('ImageID,Caption\n5.jpg,"The "Lucky" dog"\n6.jpg,A car.\n7.jpg,\n')


def test_cleaned_tables_have_the_rows_that_are_used(config: Config, tmp_path: Path) -> None:
    """Train: without the corrupt image, the row of no valid label and the repeated name. Test: every row."""
    write_untidy_data(tmp_path / "untidy")
    config = replace(
        config, data=str(tmp_path / "untidy"), images=ImagesConfig(size=16), split=SplitConfig("random", 0.34)
    )
    labelled = read_labelled(config)
    run, _ = save(config, labelled)
    assert (run.path / "train_cleaned.csv").read_text() == (
        'ImageID,Labels,Caption\n0.jpg,3 18,"A ""red"" car, parked."\n2.jpg,1,"A man\non a bench."\n3.jpg,,\n'
    )
    assert (run.path / "test_cleaned.csv").read_text() == (
        'ImageID,Caption\n5.jpg,"The ""Lucky"" dog"\n6.jpg,A car.\n7.jpg,\n'
    )


def test_without_rows_to_predict_there_is_no_cleaned_test_table(config: Config, tmp_path: Path) -> None:
    write_untidy_data(tmp_path / "untidy")
    (tmp_path / "untidy" / "test.csv").unlink()
    config = replace(config, data=str(tmp_path / "untidy"), split=SplitConfig("random", 0.34))
    labelled = read_labelled(config)
    run, _ = save(config, labelled)
    assert (run.path / "train_cleaned.csv").is_file()
    assert not (run.path / "test_cleaned.csv").exists()


def test_rows_without_captions_need_images(config: Config, labelled: LabelledData) -> None:
    """The default model ended in StopIteration where no caption has a word."""
    wordless = replace(labelled, records=replace(labelled.records, captions=strings([" "] * 40)))
    config = replace(config, captions=CaptionsConfig("bert"))
    assert prepare_data(config, wordless).config.captions == CaptionsConfig("none")
    with pytest.raises(
        UserError, match=r"train\.csv: no caption to train on has anything that captions\.enco"
    ):
        prepare_data(replace(config, tower=TowerConfig("none")), wordless)


def test_the_share_of_unknown_pieces_is_in_the_data_report(config: Config, labelled: LabelledData) -> None:
    captions = CaptionsConfig("bert", vocabulary_size=20)
    run, prepared = save(replace(config, captions=captions), labelled)
    shares = read_json(run.data_report)["unknown_word_pieces"]
    assert shares == prepared.unknown_shares
    assert list(shares) == ["training", "validation", "test"]
    assert 0 < shares["training"] < 1


def test_a_picture_of_a_novel_row_is_not_trained_on_in_another_row(
    config: Config, labelled: LabelledData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows for validation alone, such as novel ones, could share their picture with a training row."""
    facts = np.array(labelled.records.facts)
    novel = np.arange(40) < 5
    facts[20:25] = facts[:5]
    labelled = replace(labelled, records=replace(labelled.records, facts=facts))
    monkeypatch.setattr(type(labelled.vocabulary), "validation_only", lambda *_: novel)
    found = prepare_data(config, labelled)
    assert {*labelled.records.ids[:5], *labelled.records.ids[20:25]} <= set(found.validation.ids)
    assert len(found.training) + len(found.validation) + len(found.test) == 40


WRITERS = ["write_json", "save_encoder_state", "save_row_hashes", "write_csv", "save_config"]


class StopBefore:
    """Stops a command before its n-th file is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
        self.left = files
        for name in WRITERS:
            monkeypatch.setattr(prepare, name, functools.partial(self.write, getattr(prepare, name)))
        monkeypatch.setattr(RunDirectory, "start", lambda run: self.write(RunDirectory.start, run))

    def write(self, writer: Callable[..., None], *arguments: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        writer(*arguments)


@pytest.mark.parametrize("files", range(9))
def test_a_stop_between_two_files_of_a_new_run_lets_it_start_again(
    files: int, config: Config, labelled: LabelledData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`train --run X` said of the directory that the same command had made: not a run directory."""
    with monkeypatch.context() as patch:
        StopBefore(patch, files)
        with pytest.raises(KeyboardInterrupt):
            save(config, labelled)
    run = RunDirectory(Path(str(config.run)))
    assert len(list(run.path.iterdir())) == files
    assert unfinished_run(config, resume=None) is None
    (run.path / "notes.txt").touch()
    with pytest.raises(UserError, match="run: not a run directory"):
        unfinished_run(config, resume=None)
    (run.path / "notes.txt").unlink()
    save(config, labelled)
    assert unfinished_run(config, resume=None) == run
    assert load_prepared_data(run, labelled).config.seed == 42


def test_a_table_of_an_earlier_start_does_not_stay(config: Config, labelled: LabelledData) -> None:
    (run := create_run(config)).split.touch()
    for path in run.cleaned.values():
        path.write_text("old")
    save_prepared_data(
        run, labelled, prepare_data(replace(config, table=TableConfig(test="no.csv")), labelled)
    )
    assert run.cleaned["train"].read_text().startswith("ImageID,")
    assert not run.cleaned["test"].exists()


@pytest.mark.parametrize("name", ["config.yaml", "train_cleaned.csv", "weights.h5"])
def test_a_directory_with_files_of_somebody_is_no_new_run(name: str, config: Config) -> None:
    run = create_run(config)
    (run.path / name).touch()
    with pytest.raises(UserError, match="run: not a run directory"):
        unfinished_run(config, resume=None)


def test_rows_without_any_label_are_not_trained_on(config: Config, labelled: LabelledData) -> None:
    """With a vocabulary in the settings, a table whose label cells are all empty was trained on."""
    records = replace(labelled.records, labels=np.zeros_like(labelled.records.labels))
    with pytest.raises(UserError, match=r"train\.csv: none of the \d+ rows to train on has a label"):
        prepare_data(config, replace(labelled, records=records))
