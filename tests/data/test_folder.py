import shutil
from pathlib import Path

import pytest

from kmlc.config import CaptionsConfig, Config, ImagesConfig, LabelsConfig, TableConfig, TowerConfig
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.tasks.rows import read_labelled, read_test
from tests.helpers import findings


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "folder"))


def labelled(folder: Path, labels: LabelsConfig | None = None) -> LabelledData:
    return read_labelled(Config(data=str(folder), labels=labels or LabelsConfig()))


def test_a_clean_folder_is_read_whole(folder: Path) -> None:
    found = labelled(folder)
    assert len(found.records) == found.report.used == 40
    assert found.vocabulary.labels == ("1", "3", "18")
    assert found.records.captions[0].startswith('A "')
    assert found.records.labels.shape == (40, 3)
    assert list(findings(found.report)) == ["record that is not valid CSV"]
    assert sum(found.report.label_counts.values()) == found.records.labels.sum()


def test_bad_images_are_excluded_from_training_and_listed(folder: Path) -> None:
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
    assert records.ids.tolist() == [*(f"{number}.jpg" for number in range(40, 47)), "41.jpg"]
    assert [path == "" for path in records.images] == [False, True, *[False] * 5, True]
    assert findings(report)["image empty"] == ["41.jpg", "41.jpg"]


def test_a_repeated_image_is_trained_on_once(folder: Path) -> None:
    with (folder / "train.csv").open("a") as stream:
        stream.write('2.jpg,18,"twice"\n')
    found = labelled(folder)
    assert len(found.records) == 40
    assert findings(found.report)["repeated image name"] == ["2.jpg"]


def test_no_valid_row_is_an_error(folder: Path) -> None:
    for path in (folder / "data").iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        UserError, match=r"0 of 40 rows can be trained on, expected 2 or more; .*image empty: 40, excluded"
    ):
        labelled(folder)


def test_missing_things_are_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"--data nowhere: no such folder"):
        read_labelled(Config(data="nowhere"))
    with pytest.raises(UserError, match=r"no column 'Tags' \(table\.label_column names it\)"):
        read_labelled(Config(data=str(folder), table=TableConfig(label_column="Tags")))
    with pytest.raises(UserError, match=r"pictures: no such folder.*table\.images"):
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
    assert found.records.captions.tolist() == ["", ""]
    assert "table without captions" in findings(found.report)
    (folder / "train.csv").write_text('ImageID,Labels,Caption\n0.jpg,1,\n1.jpg,3,"b"\n')
    found = labelled(folder)
    assert found.records.captions.tolist() == ["", "b"]
    assert findings(found.report)["empty caption"] == ["0.jpg"]


def test_without_an_image_tower_images_are_not_asked_for(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    config = Config(data=str(folder), tower=TowerConfig("none"), captions=CaptionsConfig("bigram"))
    assert len(read_labelled(config).records) == 40


def test_the_report_fits_one_screen_and_lists_everything(folder: Path) -> None:
    for number in range(30):
        (folder / "data" / f"{number}.jpg").write_text("no image")
    report = labelled(folder).report
    assert len(report.summary().splitlines()) <= 6
    assert "image not an image: 30, excluded from training (first: 0.jpg)" in report.summary()
    (listed,) = (each for each in report.as_dict()["findings"] if each["what"] == "image not an image")
    assert listed["count"] == len(listed["rows"]) == 30


def test_an_image_outside_the_folder_is_not_read(folder: Path) -> None:
    """The line that refuses it names the setting that allows it; a test row keeps its place."""
    shutil.copy(folder / "data" / "0.jpg", folder / "secret.jpg")
    for table, row in (("train.csv", '../secret.jpg,1,"a"\n'), ("test.csv", '../secret.jpg,"a"\n')):
        with (folder / table).open("a") as stream:
            stream.write(row)
    found = labelled(folder)
    assert findings(found.report)["image outside the image folder"] == ["../secret.jpg"]
    assert "excluded from training; --images.anywhere true reads them" in found.report.summary()
    records, report = read_test(Config(data=str(folder)))
    assert (records.ids[-1], records.images[-1], records.sha256[-1]) == ("../secret.jpg", "", b"")
    assert "replaced by a placeholder image; --images.anywhere true reads them" in report.summary()
    anywhere = Config(data=str(folder), images=ImagesConfig(anywhere=True))
    assert read_labelled(anywhere).records.ids[-1] == "../secret.jpg"
    assert read_test(anywhere)[0].images[-1] == str(folder / "data" / "../secret.jpg")


def test_no_name_of_an_image_aborts_a_prediction(folder: Path) -> None:
    """A name of more than 255 bytes ended every command in a traceback."""
    with (folder / "test.csv").open("a") as stream:
        stream.write(f'{"x" * 300}.jpg,"a"\n')
    records, report = read_test(Config(data=str(folder)))
    assert len(records) == 8
    assert records.images[-1] == ""
    assert findings(report)["image cannot be read (File name too long)"] == [f"{'x' * 300}.jpg"]


def test_rows_of_the_same_image_share_a_group(folder: Path) -> None:
    """`0.jpg`, `./0.jpg`, a link and a copy were four pictures; none is dropped, all go into one split."""
    shutil.copy(folder / "data" / "0.jpg", folder / "data" / "copy.jpg")
    (folder / "data" / "link.jpg").symlink_to("0.jpg")
    with (folder / "train.csv").open("a") as stream:
        stream.writelines(f'{name},1,"a"\n' for name in ("./0.jpg", "../data/0.jpg", "link.jpg", "copy.jpg"))
    found = labelled(folder)
    assert found.records.groups.tolist() == [*range(40), 0, 0, 0, 0]
    same = ["./0.jpg", "../data/0.jpg", "link.jpg", "copy.jpg"]
    assert findings(found.report)["same picture as in an earlier row"] == same
    # Where no images are read, names tell.
    alone = Config(data=str(folder), tower=TowerConfig("none"))
    assert read_labelled(alone).records.groups.tolist() == [*range(40), 0, 40, 41, 42]


def test_the_line_about_too_few_rows_names_the_setting_that_reads_them(folder: Path) -> None:
    """The hint was in the report only, which is not printed then."""
    (folder / "data").rename(folder / "elsewhere")
    (folder / "data").mkdir()
    for number in range(40):
        (folder / "data" / f"{number}.jpg").symlink_to(folder / "elsewhere" / f"{number}.jpg")
    with pytest.raises(UserError, match=r"folder: 40, excluded .*; --images\.anywhere true reads them$"):
        labelled(folder)
