import hashlib
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from kmlc.config import Config
from kmlc.sample.hierarchy import SUPERCLASSES, VERSION, hierarchy_sample_folder
from kmlc.sample.scenes import NAMES
from kmlc.settings import CONFIGS, layered
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import read_labelled, read_test, read_test_labels
from tests.sample.test_sample import digests


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hierarchy_sample_folder(
        seed=3, train_rows=60, test_rows=20, cache=tmp_path_factory.mktemp("cache")
    )


def test_the_layout_is_system_4s(folder: Path) -> None:
    train, test = pd.read_csv(folder / "train_data.csv"), pd.read_csv(folder / "test_labels.csv")
    assert list(train.columns) == ["image", "superclass_index", "subclass_index", "description"]
    assert list(test.columns) == ["image", "superclass_index", "subclass_index"]
    assert [len(train), len(test)] == [60, 20]
    for table, name in ((train, "train_images"), (test, "test_images")):
        assert sorted(table["image"]) == sorted(path.name for path in (folder / name).iterdir())
    with Image.open(folder / "test_images" / "0.jpg") as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


def test_subclasses_belong_to_their_superclass_and_only_test_rows_are_novel(folder: Path) -> None:
    superclasses = pd.read_csv(folder / "superclass_mapping.csv")["class"].tolist()
    subclasses = pd.read_csv(folder / "subclass_mapping.csv")["class"].tolist()
    assert superclasses == ["vehicle", "outdoor", "animal", "novel"]
    assert len(subclasses) == 18
    belongs = {NAMES[label]: name for name, labels in SUPERCLASSES.items() for label in labels}
    assert set(belongs) == set(NAMES.values()) - {"person"}
    novel = {"novel": "novel"}
    for name, expected in (("train_data.csv", belongs), ("test_labels.csv", belongs | novel)):
        table = pd.read_csv(folder / name)
        for parent, child in zip(table["superclass_index"], table["subclass_index"], strict=True):
            assert expected[subclasses[child]] == superclasses[parent]
    assert 1 <= (pd.read_csv(folder / "test_labels.csv")["superclass_index"] == 3).sum() <= 8


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = hierarchy_sample_folder(seed=3, train_rows=60, test_rows=20, cache=tmp_path)
    other = hierarchy_sample_folder(seed=4, train_rows=60, test_rows=20, cache=tmp_path)
    assert digests(again) == digests(folder)
    assert digests(other)["train_data.csv"] != digests(folder)["train_data.csv"]


def test_the_tables_change_only_with_their_version(folder: Path) -> None:
    assert VERSION == 1
    tables = [path.read_bytes() for path in sorted(folder.glob("*.csv"))]
    assert hashlib.sha256(b"".join(tables)).hexdigest() == (
        "491fa368039061193f8e29fe24a7f4260e7bb1e0a0f5e5f01e4da321ba2058d4"
    )


@pytest.mark.parametrize("model", ["efficientnet_hierarchy", "convnext_hierarchy"])
def test_the_models_of_system_4_read_it(folder: Path, model: str) -> None:
    config: Config = layered([CONFIGS / f"{model}.yaml"], {"data": str(folder)})
    found = read_labelled(config)
    assert found.report.findings == []
    records, _ = read_test(config)
    known = read_test_labels(config, task_of(config, found.vocabulary), records)
    assert known is not None
    assert len(known.rows) == len(records)
    novel = (pd.read_csv(folder / "test_labels.csv")["superclass_index"] == 3).tolist()
    assert (~known.encoded[:, :3].any(axis=1)).tolist() == novel
