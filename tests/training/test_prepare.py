import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, ImagesConfig, SplitConfig
from kmlc.data.records import LabelledData, Records
from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.tasks.rows import read_labelled
from kmlc.training.prepare import PreparedData, create_run, load_prepared_data, prepare_data
from kmlc.training.run_directory import RunDirectory
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
def begun(config: Config, labelled: LabelledData) -> tuple[RunDirectory, PreparedData]:
    prepared = prepare_data(config, labelled)
    return create_run(config, labelled, prepared), prepared


def parts(prepared: PreparedData) -> dict[str, Records]:
    return {"training": prepared.training, "validation": prepared.validation, "test": prepared.test}


def test_a_run_keeps_who_is_in_which_part(
    begun: tuple[RunDirectory, PreparedData], labelled: LabelledData
) -> None:
    run, prepared = begun
    ids = {name: records.ids for name, records in parts(prepared).items()}
    assert read_json(run.split) == ids
    assert sorted(name for names in ids.values() for name in names) == sorted(labelled.records.ids)
    assert 2 <= len(ids["test"]) <= 6 <= len(ids["validation"]) <= 10
    loaded = parts(load_prepared_data(run, labelled))
    for name, records in parts(prepared).items():
        assert loaded[name].ids == records.ids
        assert loaded[name].labels.tolist() == records.labels.tolist()


def test_a_run_begun_before_there_were_test_parts(
    begun: tuple[RunDirectory, PreparedData], labelled: LabelledData
) -> None:
    run, prepared = begun
    split = read_json(run.split)
    del split["test"]
    write_json(run.split, split)
    loaded = load_prepared_data(run, labelled)
    assert loaded.validation.ids == prepared.validation.ids
    assert len(loaded.test) == 0
    assert loaded.test.labels.shape == (0, 3)


def test_without_a_test_part_there_is_none(config: Config, labelled: LabelledData) -> None:
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
def test_a_part_without_a_row(
    config: Config, labelled: LabelledData, split: SplitConfig, counts: str
) -> None:
    expected = (
        f"split.validation {split.validation} and split.test {split.test} of 40 rows leave {counts}; "
        "expected a row for every part that is not 0"
    )
    with pytest.raises(UserError, match=re.escape(expected)):
        prepare_data(replace(config, split=split), labelled)


def write_untidy_data(folder: Path) -> None:
    """Write a folder with a corrupt image in each table, a broken caption and entries that are no labels."""
    (folder / "data").mkdir(parents=True)
    for name in ("0.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"):
        draw(folder / "data" / name, ["1"], np.random.default_rng(0))
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


def test_cleaned_tables(config: Config, tmp_path: Path) -> None:
    """Train: without the corrupt image, the row of no valid label and the repeated name. Test: every row."""
    write_untidy_data(tmp_path / "untidy")
    config = replace(
        config, data=str(tmp_path / "untidy"), images=ImagesConfig(size=16), split=SplitConfig("random", 0.34)
    )
    labelled = read_labelled(config)
    run = create_run(config, labelled, prepare_data(config, labelled))
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
    run = create_run(config, labelled, prepare_data(config, labelled))
    assert (run.path / "train_cleaned.csv").is_file()
    assert not (run.path / "test_cleaned.csv").exists()
