from pathlib import Path

import numpy as np
import pytest

from kmlc.config import Config, TableConfig, TowerConfig
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import check_output, read_labelled, read_test, read_test_labels, training_images

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
    assert data.records.ids[:2] == ["0", "1"]
    assert data.records.features is not None
    assert data.records.features.shape == (6000, 60)
    assert data.vocabulary.labels == tuple(str(number) for number in range(20))


def test_feature_vectors_are_trained_on_and_predicted(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, X=[[0.5, 1.0], [2.0, 3.0]], y=[1, 0], labels=["cat", "dog"])
    config = Config(data=str(path), tower=FEATURES)
    data = read_labelled(config)
    assert data.report.label_counts == {"cat": 1, "dog": 1}
    records, report = read_test(config)
    assert (records.ids, report.used) == (["0", "1"], 2)
    assert records.labels.shape == (2, 0)
    known = read_test_labels(config, task_of(config, data.vocabulary), records)
    assert known is not None
    assert (list(known.rows), known.encoded.tolist()) == ([0, 1], [[0, 1], [1, 0]])
    other = task_of(config, Vocabulary(("dog", "cat"), ("dog", "cat")))
    assert read_test_labels(config, other, records) is None


@pytest.mark.parametrize("name", ["backbone.weights.h5", "data/train.csv", "data"])
def test_what_is_read_is_not_written(name: str, tmp_path: Path) -> None:
    """`kmlc features --tower.weights W --out W` replaced the weights by the vectors."""
    (tmp_path / "data").mkdir()
    for file in ("backbone.weights.h5", "data/train.csv"):
        (tmp_path / file).touch()
    tower = TowerConfig("simple_cnn", weights=str(tmp_path / "backbone.weights.h5"))
    config = Config(data=str(tmp_path / "data"), tower=tower)
    with pytest.raises(UserError, match=f"{name}: expected a file to write"):
        check_output(tmp_path / name, config)
    check_output(tmp_path / "data" / "submission.csv", config)
