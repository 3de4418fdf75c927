import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kmlc.config import Config, LabelsConfig, TableConfig
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.labels import Vocabulary
from kmlc.data.records import LabelledData, Records
from kmlc.errors import UserError
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import read_labelled, read_test, read_test_labels

TRAINING = ["traffic light/10.jpg", "traffic light/9.PNG", "Öl/a b.webp", "cat/1.jpg", "cat/2.jpeg"]


def draw(folder: Path, names: Iterable[str]) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 24), (40 * number, 90, 160)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with three labels in train/ and three unlabelled images in test/."""
    folder = tmp_path / "folder"
    draw(folder / "train", TRAINING)
    draw(folder / "test", ["3.jpg", "20.jpg", "100 é.jpg"])
    return folder


def config(folder: Path) -> Config:
    return Config(data=str(folder))


def labelled(folder: Path) -> LabelledData:
    return read_labelled(config(folder))


def findings(report: TableReport) -> dict[str, list[str]]:
    return {each.what: each.rows for each in report.findings if each.what != "table without captions"}


def known_test_labels(folder: Path, vocabulary: Vocabulary, records: Records) -> KnownLabels | None:
    return read_test_labels(config(folder), task_of(config(folder), vocabulary), records)


def test_class_folders_are_found_when_there_is_no_table(folder: Path) -> None:
    found = labelled(folder)
    assert found.records.ids.tolist() == [
        "train/cat/1.jpg",
        "train/cat/2.jpeg",
        "train/traffic light/9.PNG",
        "train/traffic light/10.jpg",
        "train/Öl/a b.webp",
    ]
    assert found.vocabulary.labels == ("cat", "traffic light", "Öl")
    np.testing.assert_array_equal(
        found.records.labels, [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    )
    assert found.records.images.tolist() == [str(folder / name) for name in found.records.ids]
    assert found.records.captions.tolist() == [""] * 5
    assert found.report.file == str(folder / "train")
    assert found.report.rows == found.report.used == 5
    assert found.report.label_counts == {"cat": 2, "traffic light": 2, "Öl": 1}
    assert [each.what for each in found.report.findings] == ["table without captions"]


def test_class_folders_may_lie_in_the_data_folder_itself(folder: Path) -> None:
    for path in (folder / "train").iterdir():
        path.rename(folder / path.name)
    (folder / "train").rmdir()
    draw(folder, ["data/not a class.jpg", "loose.jpg"])
    (folder / "notes.txt").write_text("not an image, and not in a class folder")
    found = labelled(folder)
    assert found.records.ids[0] == "cat/1.jpg"
    assert found.vocabulary.labels == ("cat", "traffic light", "Öl")
    assert found.report.file == str(folder)
    assert findings(found.report) == {
        "folder that is no class (table.test, table.images)": ["data", "test"],
        "image outside the class folders": ["loose.jpg"],
    }


def test_a_name_that_is_not_utf8_is_listed(folder: Path) -> None:
    """It ended in a UnicodeEncodeError."""
    name = os.fsdecode(b"caf\xe9.jpg")
    draw(folder, [f"train/cat/{name}", f"test/{name}"])
    found = labelled(folder)
    assert findings(found.report)["image missing"] == ["train/cat/caf\\xe9.jpg"]
    assert found.report.used == 5
    records, report = read_test(config(folder))
    assert records.ids[-1] == findings(report)["image missing"][0] == "test/caf\\xe9.jpg"


def test_pipes_and_broken_links_are_listed(folder: Path) -> None:
    """They were neither read nor listed."""
    os.mkfifo(folder / "train" / "cat" / "3.jpg")
    (folder / "train" / "cat" / "4.jpg").symlink_to("nowhere.jpg")
    found = findings(labelled(folder).report)
    assert found["image not a regular file"] == ["train/cat/3.jpg"]
    assert found["image missing"] == ["train/cat/4.jpg"]


def test_a_folder_that_cannot_be_read_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended in a PermissionError."""

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match=r"train: the folder cannot be read: Permission denied$"):
        labelled(folder)


def test_a_name_is_one_label_and_survives_the_submission(folder: Path) -> None:
    draw(folder / "train", ["07/1.jpg", "7/1.jpg", "a|b, c/1.jpg"])
    vocabulary = labelled(folder).vocabulary
    assert vocabulary.labels == ("07", "7", "a|b, c", "cat", "traffic light", "Öl")
    cell = vocabulary.decode(np.array([1, 0, 1, 0, 1, 0]))
    assert cell == "07/a|b, c/traffic light"


def test_numbers_as_folder_names_are_names_by_default(folder: Path) -> None:
    shutil.rmtree(folder / "train")
    draw(folder / "train", ["10/1.jpg", "2/1.jpg"])
    assert labelled(folder).vocabulary.labels == ("10", "2")
    integers = Config(data=str(folder), labels=LabelsConfig(kind="integer"))
    assert read_labelled(integers).vocabulary.labels == ("2", "10")


def test_both_unicode_forms_of_a_name_are_one_label(folder: Path) -> None:
    draw(folder / "train", ["caf\u00e9/1.jpg", "cafe\u0301/2.jpg"])
    found = labelled(folder)
    assert found.vocabulary.labels == ("caf\u00e9", "cat", "traffic light", "Öl")
    assert found.report.label_counts["caf\u00e9"] == 2


def test_unused_files_and_folders_are_listed(folder: Path) -> None:
    draw(folder / "train", ["cat/.hidden.jpg", ".cache/1.jpg", "cat/deeper/1.jpg", "loose.jpg"])
    (folder / "train" / "cat" / "notes.txt").write_text("no image")
    (folder / "train" / "labels.csv").write_text("cat")
    (folder / "train" / "dog").mkdir()
    found = labelled(folder)
    assert len(found.records) == 5
    assert found.vocabulary.labels == ("cat", "traffic light", "Öl")
    assert findings(found.report) == {
        "file that is no image": ["train/cat/notes.txt", "train/labels.csv"],
        "class folder without an image": ["train/dog"],
        "folder inside a class folder": ["train/cat/deeper"],
        "image outside the class folders": ["train/loose.jpg"],
    }
    assert "file that is no image: 2, ignored (first: train/cat/notes.txt)" in found.report.summary()


def test_corrupt_images_are_excluded_from_training(folder: Path) -> None:
    broken = folder / "train" / "cat" / "1.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    (folder / "train" / "cat" / "2.jpeg").write_text("no image")
    found = labelled(folder)
    assert found.report.rows == 5
    assert [name.split("/")[1] for name in found.records.ids] == ["traffic light", "traffic light", "Öl"]
    assert findings(found.report) == {
        "image corrupt": ["train/cat/1.jpg"],
        "image not an image": ["train/cat/2.jpeg"],
    }


@pytest.mark.parametrize(
    ("kept", "named"), [(["cat"], "cat"), ([], "none")], ids=["one label", "none, but a folder"]
)
def test_fewer_than_two_labels_is_a_missing_table(folder: Path, kept: list[str], named: str) -> None:
    for path in (folder / "train").iterdir():
        if path.name not in kept:
            shutil.rmtree(path)
    expected = (
        rf"folder/train\.csv: no such file; expected it, or images in folders named by two or more labels, "
        rf"as train/cat/1\.jpg or cat/1\.jpg; found {named}$"
    )
    with pytest.raises(UserError, match=expected):
        labelled(folder)


def test_a_table_wins_over_class_folders(folder: Path) -> None:
    draw(folder, ["data/1.jpg", "data/2.jpg", "data/3.jpg"])
    (folder / "train.csv").write_text("ImageID,Labels\n1.jpg,dog\n2.jpg,dog bird\n")
    (folder / "test.csv").write_text("ImageID\n3.jpg\n")
    found = labelled(folder)
    assert found.records.ids.tolist() == ["1.jpg", "2.jpg"]
    assert found.vocabulary.labels == ("bird", "dog")
    assert found.vocabulary.delimiter == " "
    records, _ = read_test(config(folder))
    assert records.ids.tolist() == ["3.jpg"]
    assert known_test_labels(folder, found.vocabulary, records) is None


def test_the_folders_follow_the_settings(folder: Path) -> None:
    (folder / "train").rename(folder / "seen")
    (folder / "test").rename(folder / "unseen")
    config = Config(
        data=str(folder),
        table=TableConfig(train="seen.csv", test="unseen.csv", image_column="file", label_column="class"),
    )
    assert read_labelled(config).records.ids[0] == "seen/cat/1.jpg"
    assert read_test(config)[0].ids.tolist() == ["unseen/3.jpg", "unseen/20.jpg", "unseen/100 é.jpg"]


def test_flat_test_images_have_no_labels(folder: Path) -> None:
    (folder / "test" / "3.jpg").write_bytes(b"")
    (folder / "test" / "notes.txt").write_text("no image")
    records, report = read_test(config(folder))
    assert records.ids.tolist() == ["test/3.jpg", "test/20.jpg", "test/100 é.jpg"]
    assert records.images.tolist() == [
        "",
        str(folder / "test" / "20.jpg"),
        str(folder / "test" / "100 é.jpg"),
    ]
    assert records.labels.shape == (3, 0)
    assert findings(report) == {
        "file that is no image": ["test/notes.txt"],
        "image empty": ["test/3.jpg"],
    }
    assert known_test_labels(folder, labelled(folder).vocabulary, records) is None


def test_test_images_in_class_folders_have_labels(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    draw(folder / "test", ["traffic light/1.jpg", "cat/1.jpg", "novel/1.jpg"])
    vocabulary = labelled(folder).vocabulary
    records, _ = read_test(config(folder))
    assert records.ids.tolist() == ["test/cat/1.jpg", "test/novel/1.jpg", "test/traffic light/1.jpg"]
    known = known_test_labels(folder, vocabulary, records)
    assert known is not None
    labels = known.encoded[:, : len(vocabulary)]
    assert [vocabulary.decode(row) for row in labels] == ["cat", "", "traffic light"]
    # A label that training never saw cannot be predicted: it has a column of its own.
    assert known.encoded[:, len(vocabulary) :].tolist() == [[0], [1], [0]]
    draw(folder / "test", ["loose.jpg"])
    records, _ = read_test(config(folder))
    assert len(records) == 4
    assert known_test_labels(folder, vocabulary, records) is None


def test_test_folders_with_unknown_labels_give_no_score(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    draw(folder / "test", ["images/1.jpg", "images/2.jpg"])
    records, _ = read_test(config(folder))
    assert records.ids.tolist() == ["test/images/1.jpg", "test/images/2.jpg"]
    known = known_test_labels(folder, labelled(folder).vocabulary, records)
    assert known is not None
    assert (known.rows, known.notes) == ([], ["no label is known to the run (first: images)"])


def test_missing_and_empty_test_folders_are_named(folder: Path) -> None:
    for path in (folder / "test").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"folder/test: no rows; expected one for each image"):
        read_test(config(folder))
    (folder / "test").rmdir()
    with pytest.raises(UserError, match=r"folder/test\.csv: no such file; expected it, or images in test/$"):
        read_test(config(folder))


def test_a_folder_whose_name_is_not_utf8_is_listed(folder: Path) -> None:
    """It ended in a UnicodeEncodeError when the labels were written."""
    draw(folder / "train", [f"{os.fsdecode(b'caf' + bytes([0xE9]))}/1.jpg"])
    found = labelled(folder)
    assert findings(found.report)["image missing"] == ["train/caf\\xe9/1.jpg"]
    assert found.vocabulary.labels == ("cat", "traffic light", "Öl")


def test_spaces_around_the_name_of_a_folder_are_not_in_its_label(folder: Path) -> None:
    draw(folder / "train", [" cat/3.jpg", "cat /4.jpg"])
    found = labelled(folder)
    assert found.vocabulary.labels == ("cat", "traffic light", "Öl")
    assert found.report.label_counts["cat"] == 4
    # Two folders became one label without a word.
    spaced = "class folder whose name begins or ends with a space"
    assert findings(found.report)[spaced] == ["' cat'", "'cat '"]


def test_no_name_of_a_training_table_means_the_data_folder(folder: Path) -> None:
    """It ended in a NameError."""
    (folder / "train").rename(folder / "dog")
    with pytest.raises(UserError, match="expected it, or images in folders named by two or more labels"):
        read_labelled(Config(data=str(folder), table=TableConfig(train="")))
