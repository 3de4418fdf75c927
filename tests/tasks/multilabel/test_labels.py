import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kmlc.config import Config, LabelsConfig, ThresholdsConfig
from kmlc.data.known_labels import KnownLabels
from kmlc.data.labels import Vocabulary
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered
from kmlc.tasks.multilabel.task import Multilabel
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import read_labelled, read_test, read_test_labels
from tests.helpers import edit, findings, make_data


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "folder"))


def labelled(folder: Path, labels: LabelsConfig | None = None) -> LabelledData:
    return read_labelled(Config(data=str(folder), labels=labels or LabelsConfig()))


def test_system_1_skips_labels_outside_its_competition(folder: Path) -> None:
    table = folder / "train.csv"
    header, first, second, third, *others = table.read_text().splitlines()
    changed = [
        f"{line.split(',')[0]},{cell},x"
        for line, cell in zip((first, second, third), ("12 x 3", "25", "1 18"), strict=True)
    ]
    table.write_text("\n".join([header, *changed, *others]) + "\n")
    file, own = CONFIGS / "system1.yaml", {"data": str(folder)}
    found = read_labelled(layered([file], own))
    assert found.vocabulary.labels == tuple(str(label) for label in range(1, 20) if label != 12)
    assert found.records.ids[:2].tolist() == ["0.jpg", "2.jpg"]
    assert [found.vocabulary.decode(row) for row in found.records.labels[:2]] == ["3", "1 18"]
    noted = findings(found.report)
    assert noted["entry that is no label"] == ["0.jpg: x"]
    assert noted["unknown label"] == ["0.jpg: 12", "1.jpg: 25"]
    assert noted["row with no valid label"] == ["1.jpg"]
    # Without its vocabulary, the labels are those of the data.
    own_labels = read_labelled(layered([file], {**own, "labels.kind": "auto", "labels.vocabulary": None}))
    assert own_labels.vocabulary.labels == ("1", "3", "12", "18", "25")


def test_entries_that_are_no_labels(folder: Path) -> None:
    lines = (folder / "train.csv").read_text().splitlines()
    lines[1] = '0.jpg,x,"a"'
    lines[2] = '1.jpg,1 nan,"a"'
    lines[3] = '2.jpg,,"a"'
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    found = labelled(folder)
    assert findings(found.report)["entry that is no label"] == ["0.jpg: x", "1.jpg: nan"]
    assert findings(found.report)["row with no valid label"] == ["0.jpg"]
    assert findings(found.report)["row with an empty label cell"] == ["2.jpg"]
    assert found.records.ids[:2].tolist() == ["1.jpg", "2.jpg"]
    np.testing.assert_array_equal(found.records.labels[:2], [[1, 0, 0], [0, 0, 0]])


def test_an_unknown_label_is_an_error_unless_dropped(folder: Path) -> None:
    edit(folder / "train.csv", "\n7.jpg,", "\n7.jpg,99 ")
    known: list[int | str] = ["1", "3", "18"]
    with pytest.raises(UserError, match=r"train\.csv: row 8 \(7\.jpg\): label '99' is not in the vocabulary"):
        labelled(folder, LabelsConfig(vocabulary=known))
    found = labelled(folder, LabelsConfig(vocabulary=known, unknown="drop"))
    assert findings(found.report)["unknown label"] == ["7.jpg: 99"]
    assert len(found.records) == 40


@pytest.mark.parametrize("label", ["", "1 3", " 3", "3\t"])
def test_a_label_that_cells_cannot_hold_is_refused(folder: Path, label: str) -> None:
    """It was trained, and the cell `1 3` of a submission meant two things."""
    expected = rf"^labels\.vocabulary: expected labels .* hold ' ', which .*; got {re.escape(repr(label))}$"
    with pytest.raises(UserError, match=expected):
        labelled(folder, LabelsConfig(vocabulary=[label, "1", "3", "18"]))


def test_an_empty_vocabulary_is_named(folder: Path) -> None:
    """The line said that label 3 is not in the vocabulary ()."""
    with pytest.raises(UserError, match=r"^labels\.vocabulary: expected one label or more, or null; got an"):
        labelled(folder, LabelsConfig(vocabulary=[]))


def test_an_empty_delimiter_is_refused(folder: Path) -> None:
    """Cells were split at white space and joined by nothing: labels 1 and 3 became 13."""
    with pytest.raises(UserError, match=r"^labels\.delimiter: expected one character or more; got ''$"):
        labelled(folder, LabelsConfig(delimiter=""))


def test_labels_are_displayed_with_their_names(folder: Path) -> None:
    (folder / "label_names.csv").write_text("Label,Name\n1,person\n18,dog\n")
    assert labelled(folder).vocabulary.display() == ["1 person", "3", "18 dog"]


def test_labels_of_the_test_rows(folder: Path) -> None:
    config = Config(data=str(folder))
    vocabulary = labelled(folder).vocabulary
    task = task_of(config, vocabulary)
    records, _ = read_test(config)
    known = read_test_labels(config, task, records)
    assert known is not None
    assert (list(known.rows), known.notes) == (list(range(7)), [])
    written = (folder / "test_labels.csv").read_text().splitlines()[1:]
    assert [vocabulary.decode(row) for row in known.encoded] == [line.split(",")[1] for line in written]
    (folder / "test_labels.csv").unlink()
    assert read_test_labels(config, task, records) is None


def test_a_delimiter_separates_labels_that_are_names(tmp_path: Path) -> None:
    folder = make_data(tmp_path / "named", rows=6, test_rows=1)
    (folder / "train.csv").write_text("ImageID,Labels,Caption\n0.jpg,traffic light|bus,a\n1.jpg,bus,b\n")
    found = labelled(folder, LabelsConfig(delimiter="|"))
    assert found.vocabulary.labels == ("bus", "traffic light")
    assert found.vocabulary.decode(found.records.labels[0]) == "bus|traffic light"


@pytest.fixture
def read_of_tests(folder: Path) -> Callable[..., KnownLabels]:
    """Write a table of test labels and read it."""

    def read(*lines: str) -> KnownLabels:
        (folder / "test_labels.csv").write_text("\n".join(["ImageID,Labels", *lines]) + "\n")
        config = Config(data=str(folder))
        known = read_test_labels(config, task_of(config, labelled(folder).vocabulary), read_test(config)[0])
        assert known is not None
        return known

    return read


def test_unknown_test_labels_count_as_missed(read_of_tests: Callable[..., KnownLabels]) -> None:
    """They left the truth: a run that cannot predict them scored as if they were not there."""
    known = read_of_tests("40.jpg,1 99", "41.jpg,dragon", "42.jpg,3.0")
    assert list(known.rows) == [0, 1, 2]
    # Classes 1, 3 and 18; then 99 and dragon.
    assert known.encoded.tolist() == [[1, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]]
    assert known.notes == ["labels that are unknown to the run and count as missed: 2 (first: 99)"]

    settings = Config(thresholds=ThresholdsConfig(no_label="none"))
    task = Multilabel(settings, Vocabulary(("1", "3", "18"), ("1", "3", "18")))
    logits = np.where(known.encoded[:, :3], 9.0, -9.0)
    metrics = task.metrics(known.encoded, logits, dict.fromkeys(("1", "3", "18"), 0.5))
    # 2 of 4 true labels are found, all 2 predicted ones are true.
    assert metrics["micro_f1"] == pytest.approx(2 * 2 / (2 + 4))
    assert metrics["macro_f1"] == pytest.approx(2 / 5)
    assert metrics["samples_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_the_test_rows_with_labels_are_scored(read_of_tests: Callable[..., KnownLabels]) -> None:
    """One missing row, and there was no score without a word."""
    known = read_of_tests("41.jpg,1", "44.jpg,3", "elsewhere.jpg,18", "41.jpg,18")
    assert list(known.rows) == [1, 4]
    assert known.encoded.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_names_of_no_test_row_are_said(read_of_tests: Callable[..., KnownLabels]) -> None:
    """The labels were said to be unknown to the run, which knew them."""
    known = read_of_tests("elsewhere.jpg,1", "0.jpg,3")
    assert known.rows == []
    (note,) = known.notes
    assert note.endswith("test_labels.csv names 2 rows, none of them in test.csv (first: elsewhere.jpg)")


def test_without_a_known_test_label_no_row_is_scored(read_of_tests: Callable[..., KnownLabels]) -> None:
    known = read_of_tests("40.jpg,dog")
    assert (known.rows, known.notes) == ([], ["no label is known to the run (first: dog)"])
    known = read_of_tests("40.jpg,")
    assert (known.rows, known.notes) == ([], ["no label is known to the run (every cell is empty)"])


def test_labels_of_excluded_rows_are_no_classes(folder: Path) -> None:
    """The label that only an excluded row had stayed a class; the macro-F1 of a perfect run was below 1."""
    edit(folder / "train.csv", "\n3.jpg,", "\n3.jpg,77 ")
    edit(folder / "train.csv", "\n4.jpg,", "\n4.jpg,88 ")
    with (folder / "train.csv").open("a") as stream:
        stream.write('5.jpg,99,"the same image again"\n')
    for name in ("3.jpg", "4.jpg"):
        (folder / "data" / name).unlink()
    found = labelled(folder)
    assert found.vocabulary.labels == ("1", "3", "18")
    assert found.records.labels.shape == (38, 3)
    given = labelled(folder, LabelsConfig(vocabulary=[1, 3, 18, 77, 88, 99]))
    assert given.vocabulary.labels == ("1", "3", "18", "77", "88", "99")


def test_the_first_valid_row_of_a_repeated_image_is_kept(folder: Path) -> None:
    """An invalid first row took the valid one with it."""
    edit(folder / "train.csv", "\n5.jpg,", "\n5.jpg,dragon,first\n5.jpg,")
    found = labelled(folder)
    assert len(found.records) == 40
    assert found.records.ids[5] == "5.jpg"
    assert found.records.captions[5].startswith('A "')
    assert findings(found.report)["row with no valid label"] == ["5.jpg"]
    assert "repeated image name" not in findings(found.report)


def test_a_table_without_any_label_is_an_error(folder: Path) -> None:
    """It was a traceback."""
    (folder / "train.csv").write_text("ImageID,Labels,Caption\n0.jpg,,a\n1.jpg,,b\n")
    with pytest.raises(UserError, match=r"train\.csv: none of the 2 rows has a label$"):
        labelled(folder)
