"""The original competition tables, with all their errors; they are in `shared/` beside the checkout."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kmlc.config import Config, SplitConfig, TowerConfig
from kmlc.data.readers.csv_table import read_csv
from kmlc.data.readers.table import Table
from kmlc.data.splits import split_rows
from kmlc.models.image import TOWERS
from kmlc.models.image.tower import image_tower, load_tower_weights
from kmlc.reports.caption_words import clean, strongest_words
from kmlc.settings import CONFIGS, layered
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary
from kmlc.tasks.rows import read_labelled, read_test

SHARED = Path(__file__).parent.parent.parent / "shared"
FOLDER = SHARED / "data" / "coco19"
ANIMALS = SHARED / "data" / "animals"
WEIGHTS = SHARED / "weights" / "mobilenetv2_1.0_224_notop.weights.h5"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"needs the real data in {FOLDER}"),
]


def captions(table: Table) -> dict[str, str]:
    return dict(zip(table.columns["ImageID"], table.columns["Caption"], strict=True))


def test_the_train_table_is_read_whole() -> None:
    table = read_csv(FOLDER / "train.csv", "Caption")
    assert len(table) == 10_000
    assert table.columns["ImageID"] == [f"{number}.jpg" for number in range(10_000)]
    assert len(table.repaired) == 28
    assert table.unreadable == []
    found = captions(table)
    assert found["552.jpg"] == (
        'A yellow and blue fire hydrant that has falling into the street with "caution" tape around it.'
    )
    assert found["1338.jpg"] == 'A man surfing with titling that reads "spray."'
    assert found["7208.jpg"] == 'A kitten looking at a television screen which reads, "COME DINE WITH ME".'
    assert found["9084.jpg"].startswith('A street sign labeled "Seltzer Way," with a red fire hydrant')
    assert found["6751.jpg"] == "Red motor \nscooter parked on the sand with a sunset in background."
    assert found["2259.jpg"] == "Men loading up a van with bags and suitcases.\n."
    assert found["9999.jpg"] == "People watching a happy jockey, horse and owner at an arena"


def test_the_test_table_is_read_whole() -> None:
    table = read_csv(FOLDER / "test.csv", "Caption")
    assert len(table) == 1_006
    assert len(table.repaired) == 29
    found = captions(table)
    assert found["36091.jpg"] == 'A baby in a high chair is being given a birthday cake with a "1" candle'
    assert found["37340.jpg"].endswith('as in "Proposition 350".')


def test_labels_and_splits_of_the_competition() -> None:
    data = read_labelled(Config(data=str(FOLDER)))
    assert len(data.records) == 10_000
    assert data.vocabulary.labels == tuple(str(number) for number in range(1, 20) if number != 12)
    split = split_rows(data.records.labels, SplitConfig(), seed=42)
    shares = data.records.labels[split.validation].sum(axis=0) / data.records.labels.sum(axis=0)
    assert np.abs(shares - 0.2).max() < 0.01
    assert len(split.training) + len(split.validation) == 10_000
    assert len(read_test(Config(data=str(FOLDER)))[0]) == 1_006


def test_the_strongest_words_of_a_label_name_it() -> None:
    data = read_labelled(Config(data=str(FOLDER), tower=TowerConfig(name="none")))
    words = strongest_words([clean(caption) for caption in data.records.captions], data.records.labels, 10)
    strongest = dict(zip(data.vocabulary.labels, map(list, words), strict=True))
    assert strongest["1"][:3] == ["man", "woman", "people"]
    strongest_word = {
        "4": "motorcycle",
        "6": "bus",
        "7": "train",
        "9": "boat",
        "17": "cat",
        "18": "dog",
        "19": "horse",
    }
    assert {label: strongest[label][0] for label in strongest_word} == strongest_word
    assert {"fire", "hydrant"} == set(strongest["11"][:2])
    assert {"stop", "sign"} == set(strongest["13"][:2])


@pytest.mark.skipif(not ANIMALS.is_dir(), reason=f"needs the real data in {ANIMALS}")
def test_the_animals_hierarchy_is_read_without_findings() -> None:
    config = layered([CONFIGS / "efficientnet_hierarchy.yaml"], {"data": str(ANIMALS)})
    data = read_labelled(config)
    assert len(data.records) == 6_288
    assert data.report.findings == []
    assert data.vocabulary.names[:3] == ("bird", "dog", "reptile")
    assert data.vocabulary.names[3] == "Scotch terrier, Scottish terrier, Scottie"
    assert data.vocabulary.labels == (*"012", *map(str, range(87)))
    assert isinstance(data.vocabulary, HierarchyVocabulary)
    assert np.bincount(data.vocabulary.parents).tolist() == [29, 29, 29]
    assert data.vocabulary.novel == ("3", "87")
    assert data.records.labels[:, :3].sum(axis=0).tolist() == [1850, 2084, 2354]
    assert (data.records.labels.sum(axis=1) == 2).all()
    records, _ = read_test(config)
    assert records.ids.tolist() == [f"{number}.jpg" for number in range(500)]


@pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"needs the weights {WEIGHTS}")
def test_pretrained_mobilenet_equals_that_of_keras() -> None:
    config = TowerConfig("mobilenetv2", weights=str(WEIGHTS), trainable="none")
    tower = image_tower(TOWERS["mobilenetv2"], 224, config)
    load_tower_weights(tower, TOWERS["mobilenetv2"], config)
    model = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3)
    )
    model.load_weights(WEIGHTS)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3)).astype(np.float32)
    expected = np.asarray(model(pixels / 127.5 - 1, training=False))
    assert expected.std() > 0.1
    np.testing.assert_allclose(tower(pixels), expected, rtol=1e-4, atol=1e-4)
