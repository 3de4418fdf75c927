import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kmlc.config import Config, TableConfig, TowerConfig
from kmlc.data.known_labels import KnownLabels
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import (
    read_known,
    read_labelled,
    read_test,
    read_test_labels,
    training_columns,
    training_images,
)
from tests.helpers import draw, findings, make_data

FEATURES = TowerConfig("mlp")


def test_a_data_folder_that_is_missing_is_named() -> None:
    with pytest.raises(
        UserError, match=r"--data nowhere: no such folder; expected one with train\.csv or class folders"
    ):
        read_labelled(Config(data="nowhere"))


def test_image_names_are_relative_to_the_folder_of_images_beside_a_table(tmp_path: Path) -> None:
    config = Config(data=str(tmp_path), table=TableConfig(images="pictures"))
    assert training_images(config, ["1.jpg"]) == [str(tmp_path / "1.jpg")]
    (tmp_path / "train.csv").touch()
    assert training_images(config, ["1.jpg"]) == [str(tmp_path / "pictures" / "1.jpg")]


def test_the_built_in_feature_vectors_are_read_without_data() -> None:
    config = Config(tower=FEATURES)
    data = read_labelled(config)
    assert data.report.file == "the built-in feature vectors"
    assert data.records.ids[:2].tolist() == ["0", "1"]
    assert data.records.features is not None
    assert (len(data.records.features), data.records.features.width) == (6000, 60)
    assert data.vocabulary.labels == tuple(str(number) for number in range(20))


def test_feature_vectors_are_trained_on_and_predicted(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, X=[[0.5, 1.0], [2.0, 3.0]], y=[1, 0], labels=["cat", "dog"])
    config = Config(data=str(path), tower=FEATURES)
    data = read_labelled(config)
    assert data.report.label_counts == {"cat": 1, "dog": 1}
    records, report = read_test(config)
    assert (records.ids.tolist(), report.used) == (["0", "1"], 2)
    assert records.labels.shape == (2, 0)
    known = read_test_labels(config, task_of(config, data.vocabulary), records)
    assert known is not None
    assert (list(known.rows), known.encoded.tolist()) == ([0, 1], [[0, 1], [1, 0]])


def test_labels_of_feature_vectors_are_those_of_the_run_by_name(tmp_path: Path) -> None:
    """Labels in another order, or fewer than the run's, gave no score and no word."""
    config = Config(data=str(tmp_path / "rows.npz"), tower=FEATURES)

    def known(labels: list[str], *classes: str) -> KnownLabels:
        np.savez(tmp_path / "rows.npz", X=[[0.5], [2.0]], y=[1, 0], labels=labels)
        found = read_test_labels(config, task_of(config, Vocabulary(classes, classes)), read_test(config)[0])
        assert found is not None
        return found

    assert known(["cat", "dog"], "dog", "cat").encoded.tolist() == [[1, 0], [0, 1]]
    assert known(["cat", "dog"], "ant", "cat", "dog").encoded.tolist() == [[0, 0, 1], [0, 1, 0]]
    some = known(["cat", "dog", "eel"], "cat")
    assert some.encoded.tolist() == [[0, 1], [1, 0]]
    assert some.notes == ["labels that are unknown to the run and count as missed: 1 (first: dog)"]
    none = known(["cat", "dog"], "red", "white")
    assert (none.rows, none.notes) == ([], ["no label is known to the run (first: dog)"])


def test_feature_vectors_without_labels_are_predicted_and_not_trained_on(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=[[0.5], [2.0]])
    config = Config(data=str(tmp_path / "rows.npz"), tower=FEATURES)
    records, _ = read_test(config)
    assert records.features is not None
    assert records.features[:].tolist() == [[0.5], [2.0]]
    task = task_of(config, Vocabulary(("cat", "dog"), ("cat", "dog")))
    assert read_test_labels(config, task, records) is None
    for read in (read_labelled, lambda config: read_known(config, task)):
        with pytest.raises(
            UserError, match=r"rows\.npz: no array y; expected class numbers of shape \(rows,\)"
        ):
            read(config)


@pytest.mark.parametrize("without", ["images", "captions"])
def test_what_is_ignored_need_not_be_there(without: Literal["images", "captions"], tmp_path: Path) -> None:
    """`predict --without images` demanded the folder of images."""
    folder = make_data(tmp_path / "folder", rows=2, test_rows=2)
    config = Config(data=str(folder), tower=TowerConfig("simple_cnn"))
    if without == "images":
        shutil.rmtree(folder / "data")
    else:
        (folder / "test.csv").write_text("ImageID\n2.jpg\n3.jpg\n")
    records, report = read_test(config, without)
    assert records.ids.tolist() == ["2.jpg", "3.jpg"]
    assert set(findings(report)) <= {"record that is not valid CSV"}
    assert [image == "" for image in records.images] == [without == "images"] * 2
    assert [caption == "" for caption in records.captions] == [without == "captions"] * 2


def known_rows(folder: Path) -> dict[str, list[int]]:
    """Return the labels cat and dog of each row that a run is evaluated on."""
    config = Config(data=str(folder), tower=TowerConfig("simple_cnn"))
    found = read_known(config, task_of(config, Vocabulary(("cat", "dog"), ("cat", "dog"))))
    return dict(zip(found.records.ids.tolist(), found.known.encoded.tolist(), strict=True))


def test_a_run_is_evaluated_on_test_rows_with_labels_or_else_on_training_rows(tmp_path: Path) -> None:
    """In class folders and in tables."""
    for name in ("train/cat/0.jpg", "train/dog/1.jpg", "test/2.jpg", "data/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        draw(tmp_path / name, ["1"], np.random.default_rng(0))
    assert known_rows(tmp_path) == {"train/cat/0.jpg": [1, 0], "train/dog/1.jpg": [0, 1]}
    (tmp_path / "test" / "dog").mkdir()
    (tmp_path / "test" / "2.jpg").rename(tmp_path / "test" / "dog" / "2.jpg")
    assert known_rows(tmp_path) == {"test/dog/2.jpg": [0, 1]}
    (tmp_path / "train.csv").write_text("ImageID,Labels\n3.jpg,cat dog\n")
    shutil.rmtree(tmp_path / "test")
    assert known_rows(tmp_path) == {"3.jpg": [1, 1]}
    (tmp_path / "test.csv").write_text("ImageID\n4.jpg\n")
    assert known_rows(tmp_path) == {"3.jpg": [1, 1]}
    (tmp_path / "test_labels.csv").write_text("ImageID,Labels\n4.jpg,cat\n")
    assert known_rows(tmp_path) == {"4.jpg": [1, 0]}


def test_columns_of_the_training_table_by_image_name(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("ImageID,Labels,source\n1.jpg,1,web\n2.jpg,3,print\n1.jpg,3,other\n")
    config = Config(data=str(tmp_path), tower=TowerConfig("none"))
    assert training_columns(config, ["2.jpg", "1.jpg"])["source"].tolist() == ["print", "web"]
    with pytest.raises(UserError, match=r"train\.csv: 9\.jpg is gone since the run was started"):
        training_columns(config, ["1.jpg", "9.jpg"])
    assert training_columns(Config(tower=FEATURES), ["0"]) == {}
