import shutil
from pathlib import Path

import numpy as np
import pytest

from kmlc.config import Config, LabelsConfig
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered
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
    assert found.records.ids[:2] == ["0.jpg", "2.jpg"]
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
    assert found.records.ids[:2] == ["1.jpg", "2.jpg"]
    np.testing.assert_array_equal(found.records.labels[:2], [[1, 0, 0], [0, 0, 0]])


def test_an_unknown_label_is_an_error_unless_dropped(folder: Path) -> None:
    edit(folder / "train.csv", "\n7.jpg,", "\n7.jpg,99 ")
    known: list[int | str] = ["1", "3", "18"]
    with pytest.raises(UserError, match=r"train\.csv: row 8 \(7\.jpg\): label '99' is not in the vocabulary"):
        labelled(folder, LabelsConfig(vocabulary=known))
    found = labelled(folder, LabelsConfig(vocabulary=known, unknown="drop"))
    assert findings(found.report)["unknown label"] == ["7.jpg: 99"]
    assert len(found.records) == 40


def test_labels_are_displayed_with_their_names(folder: Path) -> None:
    (folder / "label_names.csv").write_text("Label,Name\n1,person\n18,dog\n")
    assert labelled(folder).vocabulary.display() == ["1 person", "3", "18 dog"]


def test_labels_of_the_test_rows(folder: Path) -> None:
    config = Config(data=str(folder))
    vocabulary = labelled(folder).vocabulary
    task = task_of(config, vocabulary)
    records, _ = read_test(config)
    labels = read_test_labels(config, task, records)
    assert labels is not None
    written = (folder / "test_labels.csv").read_text().splitlines()[1:]
    assert [vocabulary.decode(row) for row in labels] == [line.split(",")[1] for line in written]
    (folder / "test_labels.csv").unlink()
    assert read_test_labels(config, task, records) is None


def test_a_delimiter_separates_labels_that_are_names(tmp_path: Path) -> None:
    folder = make_data(tmp_path / "named", rows=6, test_rows=1)
    (folder / "train.csv").write_text("ImageID,Labels,Caption\n0.jpg,traffic light|bus,a\n1.jpg,bus,b\n")
    found = labelled(folder, LabelsConfig(delimiter="|"))
    assert found.vocabulary.labels == ("bus", "traffic light")
    assert found.vocabulary.decode(found.records.labels[0]) == "bus|traffic light"
