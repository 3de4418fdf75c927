import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, HierarchyConfig, LabelsConfig, TableConfig, TowerConfig
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import read_labelled, read_test, read_test_labels
from kmlc.training.prepare import load_prepared_data, prepare_data, save_prepared_data
from kmlc.training.run_directory import create_run
from kmlc.training.run_files import load_task
from tests.helpers import edit, findings

# Subclasses 0 and 10 are dogs, 2 and 3 birds; 4 is novel, as is superclass 2.
ROWS = ["1,0", "0,2", "1,10", "0,3", "1,0", "0,2", "1,10", "0,3"]
TABLE = TableConfig(
    train="train_data.csv",
    test="test_images",
    images="train_images",
    image_column="image",
    label_column="sub",
    superclass_column="super",
)
LABELS = LabelsConfig(
    names="subs.csv", superclass_names="supers.csv", names_label_column="index", names_name_column="class"
)
# Without images none of the files has to be there.
NO_IMAGES = TowerConfig(name="none")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [f"{number}.jpg,{labels}" for number, labels in enumerate(ROWS)]
    (tmp_path / "train_data.csv").write_text("\n".join(["image,super,sub", *rows]) + "\n")
    (tmp_path / "supers.csv").write_text("index,class\n0,bird\n1,dog\n2,novel\n")
    (tmp_path / "subs.csv").write_text('index,class\n2,jay\n3,owl\n0,"pug, pug-dog"\n4,novel\n')
    (tmp_path / "test_images").mkdir()
    for number in (0, 1, 2, 10):
        (tmp_path / "test_images" / f"{number}.jpg").touch()
    return tmp_path


def config(folder: Path, **hierarchy: object) -> Config:
    settings = replace(HierarchyConfig(), **hierarchy)  # type: ignore[arg-type]
    captions = CaptionsConfig("none")
    return Config(
        data=str(folder), table=TABLE, labels=LABELS, tower=NO_IMAGES, captions=captions, hierarchy=settings
    )


def read(folder: Path, **hierarchy: object) -> LabelledData:
    return read_labelled(config(folder, **hierarchy))


def vocabulary_of(data: LabelledData) -> HierarchyVocabulary:
    assert isinstance(data.vocabulary, HierarchyVocabulary)
    return data.vocabulary


def error_of(folder: Path, **hierarchy: object) -> str:
    with pytest.raises(UserError) as raised:
        read(folder, **hierarchy)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_both_levels_lie_side_by_side(folder: Path) -> None:
    found = read(folder)
    assert found.vocabulary.labels == ("0", "1", "0", "2", "3", "10")
    assert found.vocabulary.names == ("bird", "dog", "pug, pug-dog", "jay", "owl", "10")
    assert vocabulary_of(found).parents == (1, 0, 0, 1)
    assert vocabulary_of(found).novel == ("2", "4")
    assert vocabulary_of(found).held_out == ()
    expected = {
        "1,0": [0, 1, 1, 0, 0, 0],
        "0,2": [1, 0, 0, 1, 0, 0],
        "1,10": [0, 1, 0, 0, 0, 1],
        "0,3": [1, 0, 0, 0, 1, 0],
    }
    assert found.records.labels.tolist() == [expected[row] for row in ROWS]
    assert found.records.labels.dtype == np.uint8
    assert found.report.findings == []
    assert found.report.label_counts == {
        "superclass 0 bird": 4,
        "superclass 1 dog": 4,
        "subclass 0 pug, pug-dog": 2,
        "subclass 2 jay": 2,
        "subclass 3 owl": 2,
        "subclass 10": 2,
    }


def test_names_are_labels_spaces_and_all(folder: Path) -> None:
    table = folder / "train_data.csv"
    table.write_text('image,super,sub\n0.jpg,dog,pug dog\n1.jpg,bird,"jay, blue"\n')
    for name in ("supers.csv", "subs.csv"):
        (folder / name).unlink()
    vocabulary = vocabulary_of(read(folder))
    assert vocabulary.labels == ("bird", "dog", "jay, blue", "pug dog")
    assert vocabulary.parents == (0, 1)
    assert vocabulary.novel == ("novel", "novel")


def test_rows_without_both_labels_are_excluded_and_listed(folder: Path) -> None:
    edit(folder / "train_data.csv", "0.jpg,1,0", "0.jpg,1,")
    edit(folder / "train_data.csv", "1.jpg,0,2", "1.jpg,x,2")
    found = read(folder)
    assert found.records.ids.tolist() == [f"{number}.jpg" for number in range(2, 8)]
    assert findings(found.report) == {
        "row without a label in super": ["1.jpg: x"],
        "row without a label in sub": ["0.jpg: empty"],
    }


def test_rows_that_contradict_the_hierarchy_are_excluded_and_listed(folder: Path) -> None:
    """One such row was an error that named no row; of as many rows, the superclass of the first counts."""
    edit(folder / "train_data.csv", "7.jpg,0,3", "7.jpg,1,3")
    edit(folder / "train_data.csv", "0.jpg,1,0", "0.jpg,0,0")
    with (folder / "train_data.csv").open("a") as stream:
        stream.write("8.jpg,1,0\n")
    found = read(folder)
    assert found.records.ids.tolist() == [f"{number}.jpg" for number in range(1, 7)] + ["8.jpg"]
    assert findings(found.report) == {
        "row whose subclass has another superclass in most rows": ["0.jpg: 0 in 0", "7.jpg: 3 in 1"]
    }
    assert vocabulary_of(found).parents == (1, 0, 0, 1)


def test_classes_of_excluded_rows_are_no_classes(folder: Path) -> None:
    with (folder / "train_data.csv").open("a") as stream:
        stream.write("0.jpg,5,50\n")
    found = read(folder)
    assert found.vocabulary.labels == ("0", "1", "0", "2", "3", "10")
    assert vocabulary_of(found).parents == (1, 0, 0, 1)
    assert found.records.labels.shape == (8, 6)


def test_unusable_label_settings_and_labels_are_errors(folder: Path) -> None:
    with pytest.raises(UserError, match=re.escape("labels.vocabulary: expected null with table.superclass")):
        read_labelled(replace(config(folder), labels=replace(LABELS, vocabulary=["1"])))
    with pytest.raises(UserError, match=re.escape("(table.superclass_column names it)")):
        read_labelled(replace(config(folder), table=replace(TABLE, superclass_column="superclass")))
    (folder / "train_data.csv").write_text("image,super,sub\n0.jpg,2,4\n1.jpg,2,4\n")
    assert error_of(folder).endswith(": no row with a label of a known class in super and sub")


def test_novel_training_rows_have_no_labels(folder: Path) -> None:
    edit(folder / "train_data.csv", "6.jpg,1,10", "6.jpg,2,4")
    edit(folder / "train_data.csv", "7.jpg,0,3", "7.jpg,0,4")
    found = read(folder)
    assert found.vocabulary.labels == ("0", "1", "0", "2", "3", "10")
    assert found.records.labels[6:].tolist() == [[0] * 6, [1, 0, 0, 0, 0, 0]]
    assert findings(found.report) == {"row of a novel or held-out class": ["6.jpg", "7.jpg"]}


def test_held_out_subclasses_keep_their_superclass(folder: Path) -> None:
    found = read(folder, held_out_subclasses=[3, "10"])
    assert found.vocabulary.labels == ("0", "1", "0", "2")
    assert vocabulary_of(found).parents == (1, 0)
    assert vocabulary_of(found).held_out == ("owl", "10")
    expected = {"1,0": [0, 1, 1, 0], "0,2": [1, 0, 0, 1], "1,10": [0, 1, 0, 0], "0,3": [1, 0, 0, 0]}
    assert found.records.labels.tolist() == [expected[row] for row in ROWS]


def test_a_held_out_superclass_takes_its_subclasses_along(folder: Path) -> None:
    found = read(folder, held_out_superclasses=[0])
    assert found.vocabulary.labels == ("1", "0", "10")
    assert vocabulary_of(found).parents == (0, 0)
    assert vocabulary_of(found).held_out == ("bird",)
    expected = {"1,0": [1, 1, 0], "1,10": [1, 0, 1]}
    assert found.records.labels.tolist() == [expected.get(row, [0, 0, 0]) for row in ROWS]


@pytest.mark.parametrize(
    ("hierarchy", "message"),
    [
        (
            {"held_out_subclasses": [7]},
            "hierarchy.held_out_subclasses: expected labels among 0, 2, 3, 10; got 7",
        ),
        (
            {"held_out_superclasses": [2]},
            "hierarchy.held_out_superclasses: expected labels among 0, 1; got 2",
        ),
        (
            {"held_out_superclasses": [0, 1]},
            "hierarchy.held_out_superclasses: expected one or more of 2 superclasses to be left; got none",
        ),
        (
            {"held_out_subclasses": [2, 3]},
            "hierarchy.held_out_subclasses: expected a subclass to be left of superclass '0'; got all of "
            "them (hierarchy.held_out_superclasses holds out a whole superclass)",
        ),
        (
            {"held_out_subclasses": 3},
            "hierarchy.held_out_subclasses: expected 2 at most, so that each superclass keeps a subclass; "
            "got 3",
        ),
    ],
)
def test_bad_classes_to_hold_out_are_errors(folder: Path, hierarchy: dict[str, object], message: str) -> None:
    assert error_of(folder, **hierarchy) == message


def test_held_out_rows_are_never_trained_on_and_all_validated_on(folder: Path, tmp_path: Path) -> None:
    settings = config(folder, held_out_subclasses=[3])
    data = read_labelled(settings)
    prepared = prepare_data(settings, data)
    held = {"3.jpg", "7.jpg"}
    assert held <= set(prepared.validation.ids)
    assert len(prepared.validation) >= 3
    assert sorted([*prepared.training.ids, *prepared.validation.ids]) == sorted(data.records.ids)
    assert prepared.training.labels[:, :2].any(axis=1).all()
    assert prepared.training.labels[:, 2:].any(axis=1).all()

    run = create_run(replace(settings, run=str(tmp_path / "run")))
    save_prepared_data(run, data, prepared)
    cleaned = (run.path / "train_cleaned.csv").read_text().splitlines()
    assert cleaned[:4] == ["image,super,sub,Caption", "0.jpg,1,0,", "1.jpg,0,2,", "2.jpg,1,10,"]
    # The label of the novel subclass.
    assert cleaned[4] == "3.jpg,0,4,"
    assert load_task(run).vocabulary == data.vocabulary
    loaded = load_prepared_data(run, data)
    assert loaded.validation.ids.tolist() == prepared.validation.ids.tolist()
    assert loaded.validation.labels.tolist() == prepared.validation.labels.tolist()
    with pytest.raises(UserError, match="its labels changed since"):
        load_prepared_data(run, read(folder))


def test_test_images_beside_a_table_are_named_as_a_table_would(folder: Path) -> None:
    records, _ = read_test(config(folder))
    assert records.ids.tolist() == ["0.jpg", "1.jpg", "2.jpg", "10.jpg"]
    records, report = read_test(replace(config(folder), tower=TowerConfig("simple_cnn")))
    assert records.ids.tolist() == ["0.jpg", "1.jpg", "2.jpg", "10.jpg"]
    assert findings(report) == {"image empty": records.ids.tolist()}


def test_labels_of_the_test_images(folder: Path) -> None:
    task = task_of(config(folder), read(folder).vocabulary)
    records, _ = read_test(config(folder))
    assert read_test_labels(config(folder), task, records) is None
    table = folder / "test_labels.csv"
    table.write_text("image,super,sub\n10.jpg,2,4\n0.jpg,1,10\n2.jpg,0,4\n1.jpg,0,3\n")
    known = read_test_labels(config(folder), task, records)
    assert known is not None
    expected = [[0, 1, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0], [0] * 6]
    assert (list(known.rows), known.encoded.tolist(), known.notes) == ([0, 1, 2, 3], expected, [])


def test_a_test_row_with_an_unknown_label_is_not_novel(folder: Path) -> None:
    """An empty or mistyped label counted as novel, and a row was right if it was predicted novel."""
    settings = config(folder, held_out_subclasses=[3], held_out_superclasses=[])
    task = task_of(settings, read_labelled(settings).vocabulary)
    records, _ = read_test(settings)
    (folder / "test_labels.csv").write_text("image,super,sub\n0.jpg,1,\n1.jpg,0,03\n2.jpg,O,2\n10.jpg,2,4\n")
    known = read_test_labels(settings, task, records)
    assert known is not None
    # Subclass 3 is held out, 2 and 4 are the labels of novel classes.
    assert list(known.rows) == [1, 3]
    assert known.encoded.tolist() == [[1, 0, 0, 0, 0], [0] * 5]
    assert known.notes == ["rows not scored, with a label unknown to the run: 2 (first: 1,)"]
