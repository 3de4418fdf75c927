import shutil
from pathlib import Path

import numpy as np
import pytest

from kmlc.config import CaptionsConfig, Config, LabelsConfig, TableConfig, TowerConfig
from kmlc.data.folder import read_labelled, read_test, read_test_labels
from kmlc.data.records import LabelledData
from kmlc.data.report import TableReport
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered
from tests.helpers import make_data


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "folder"))


def findings(report: TableReport) -> dict[str, list[str]]:
    return {each.what: each.rows for each in report.findings}


def labelled(folder: Path, labels: LabelsConfig | None = None) -> LabelledData:
    return read_labelled(Config(data=str(folder), labels=labels or LabelsConfig()))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_clean_folder(folder: Path) -> None:
    found = labelled(folder)
    assert len(found.records) == found.report.used == 40
    assert found.vocabulary.labels == ("1", "3", "18")
    assert found.records.captions[0].startswith('A "')
    assert found.records.labels.shape == (40, 3)
    assert list(findings(found.report)) == ["record that is not valid CSV"]
    assert sum(found.report.label_counts.values()) == found.records.labels.sum()


def test_system_1_sets_aside_what_is_no_label_of_its_competition(folder: Path) -> None:
    table = folder / "train.csv"
    header, first, second, third, *others = table.read_text().splitlines()
    changed = [
        f"{line.split(',')[0]},{cell},x"
        for line, cell in zip((first, second, third), ("12 x 3", "25", "1 18"), strict=True)
    ]
    table.write_text("\n".join([header, *changed, *others]) + "\n")
    file, own = CONFIGS / "system1.yaml", f"--data={folder}"
    found = read_labelled(layered([file], [own]))
    assert found.vocabulary.labels == tuple(str(label) for label in range(1, 20) if label != 12)
    assert found.records.ids[:2] == ["0.jpg", "2.jpg"]
    assert [found.vocabulary.decode(row) for row in found.records.labels[:2]] == ["3", "1 18"]
    noted = findings(found.report)
    assert noted["entry that is no label"] == ["0.jpg: x"]
    assert noted["unknown label"] == ["0.jpg: 12", "1.jpg: 25"]
    assert noted["row with no valid label"] == ["1.jpg"]
    # Other data has labels of its own.
    learnt = read_labelled(layered([file], [own, "--labels.kind=auto", "--labels.vocabulary=null"]))
    assert learnt.vocabulary.labels == ("1", "3", "12", "18", "25")


def test_bad_images_are_left_out_of_training_and_listed(folder: Path) -> None:
    (folder / "data" / "3.jpg").unlink()
    (folder / "data" / "5.jpg").write_text("no image")
    found = labelled(folder)
    assert len(found.records) == 38
    assert not {"3.jpg", "5.jpg"} & set(found.records.ids)
    assert findings(found.report)["image missing"] == ["3.jpg"]
    assert findings(found.report)["image not an image"] == ["5.jpg"]


def test_bad_images_are_replaced_in_prediction_and_no_row_is_lost(folder: Path) -> None:
    (folder / "data" / "41.jpg").write_bytes(b"")
    with (folder / "test.csv").open("a") as stream:
        stream.write('41.jpg,"again"\n')
    records, report = read_test(Config(data=str(folder)))
    assert records.ids == [*(f"{number}.jpg" for number in range(40, 47)), "41.jpg"]
    assert [path == "" for path in records.images] == [False, True, *[False] * 5, True]
    assert findings(report)["image empty"] == ["41.jpg", "41.jpg"]


def test_a_repeated_image_is_trained_on_once(folder: Path) -> None:
    with (folder / "train.csv").open("a") as stream:
        stream.write('2.jpg,18,"twice"\n')
    found = labelled(folder)
    assert len(found.records) == 40
    assert findings(found.report)["repeated image name"] == ["2.jpg"]


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


def test_no_valid_row(folder: Path) -> None:
    for path in (folder / "data").iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        UserError, match=r"0 of 40 rows can be trained on, expected 2 or more; .*image empty: 40"
    ):
        labelled(folder)


def test_missing_things_are_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"--data nowhere: no such folder"):
        read_labelled(Config(data="nowhere"))
    with pytest.raises(UserError, match=r"no column 'Tags'.*--table\.label_column"):
        read_labelled(Config(data=str(folder), table=TableConfig(label_column="Tags")))
    with pytest.raises(UserError, match=r"pictures: no such folder.*--table\.images"):
        read_labelled(Config(data=str(folder), table=TableConfig(images="pictures")))
    (folder / "test.csv").write_text("ImageID,Caption\n")
    with pytest.raises(UserError, match=r"test\.csv: no rows"):
        read_test(Config(data=str(folder)))
    (folder / "train.csv").unlink()
    with pytest.raises(UserError, match=r"train\.csv: no such file"):
        labelled(folder)


def test_captions_may_be_missing_or_empty(folder: Path) -> None:
    (folder / "train.csv").write_text("ImageID,Labels\n0.jpg,1\n1.jpg,3\n")
    found = labelled(folder)
    assert found.records.captions == ["", ""]
    assert "table without captions" in findings(found.report)
    (folder / "train.csv").write_text('ImageID,Labels,Caption\n0.jpg,1,\n1.jpg,3,"b"\n')
    found = labelled(folder)
    assert found.records.captions == ["", "b"]
    assert findings(found.report)["empty caption"] == ["0.jpg"]


def test_without_an_image_tower_images_are_not_asked_for(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    config = Config(data=str(folder), tower=TowerConfig("none"), captions=CaptionsConfig("bigram"))
    assert len(read_labelled(config).records) == 40


def test_label_names(folder: Path) -> None:
    (folder / "label_names.csv").write_text("Label,Name\n1,person\n18,dog\n")
    assert labelled(folder).vocabulary.display() == ["1 person", "3", "18 dog"]


def test_labels_of_the_test_rows(folder: Path) -> None:
    config = Config(data=str(folder))
    vocabulary = labelled(folder).vocabulary
    records, _ = read_test(config)
    labels = read_test_labels(config, vocabulary, records)
    assert labels is not None
    written = (folder / "test_labels.csv").read_text().splitlines()[1:]
    assert [vocabulary.decode(row) for row in labels] == [line.split(",")[1] for line in written]
    (folder / "test_labels.csv").unlink()
    assert read_test_labels(config, vocabulary, records) is None


def test_named_labels(tmp_path: Path) -> None:
    folder = make_data(tmp_path / "named", rows=6, test_rows=1)
    (folder / "train.csv").write_text("ImageID,Labels,Caption\n0.jpg,traffic light|bus,a\n1.jpg,bus,b\n")
    found = labelled(folder, LabelsConfig(delimiter="|"))
    assert found.vocabulary.labels == ("bus", "traffic light")
    assert found.vocabulary.decode(found.records.labels[0]) == "bus|traffic light"


def test_the_report_fits_one_screen_and_lists_everything(folder: Path) -> None:
    for number in range(30):
        (folder / "data" / f"{number}.jpg").write_text("no image")
    report = labelled(folder).report
    assert len(report.summary().splitlines()) <= 6
    assert "image not an image: 30, excluded from training (first: 0.jpg)" in report.summary()
    (listed,) = (each for each in report.as_dict()["findings"] if each["what"] == "image not an image")
    assert listed["count"] == len(listed["rows"]) == 30
