import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kmlc.errors import UserError
from kmlc.sample import VERSION, sample_folder
from kmlc.sample.captions import NOUNS, write_caption
from kmlc.sample.drawings import DRAWINGS
from kmlc.sample.files import generator
from kmlc.sample.images import draw_image
from kmlc.sample.scenes import NAMES, compose


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_folder(seed=3, train_rows=20, test_rows=5, cache=tmp_path_factory.mktemp("cache"))


def test_the_layout_is_the_competitions(folder: Path) -> None:
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    truth = pd.read_csv(folder / "test_labels.csv")
    assert list(train.columns) == ["ImageID", "Labels", "Caption"]
    assert list(test.columns) == ["ImageID", "Caption"]
    assert list(train["ImageID"]) == [f"{number}.jpg" for number in range(20)]
    assert list(truth["ImageID"]) == list(test["ImageID"]) == [f"{number}.jpg" for number in range(20, 25)]
    assert pd.read_csv(folder / "label_names.csv")["Name"].tolist() == list(NAMES.values())
    assert len(list((folder / "data").iterdir())) == 25


def test_images_are_rgb_jpegs(folder: Path) -> None:
    for path in (folder / "data").iterdir():
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert 150 <= min(image.size) <= max(image.size) <= 320


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = sample_folder(seed=3, train_rows=20, test_rows=5, cache=tmp_path)
    other = sample_folder(seed=4, train_rows=20, test_rows=5, cache=tmp_path)
    assert digests(again) == digests(folder)
    assert digests(other)["data/0.jpg"] != digests(folder)["data/0.jpg"]


def test_the_sample_changes_only_with_its_version(folder: Path) -> None:
    """A cached sample must be the one that this code would draw."""
    assert VERSION == 1
    tables = [
        (folder / f"{name}.csv").read_bytes() for name in ("train", "test", "test_labels", "label_names")
    ]
    assert hashlib.sha256(b"".join(tables)).hexdigest() == (
        "c4400ec3c159c725483ee5df462831db433a1d539c455f9d23b0677c1f25457a"
    )
    images = [draw_image(compose(generator(3, row, 0)), generator(3, row, 2)) for row in range(3)]
    # The files' bytes depend on the JPEG library.
    means = [np.asarray(image).mean() for image in images]
    assert means == pytest.approx([143.89, 132.4, 171.33], abs=0.05)


def test_a_second_call_draws_nothing(folder: Path) -> None:
    before = folder.stat().st_mtime_ns
    assert sample_folder(seed=3, train_rows=20, test_rows=5, cache=folder.parent) == folder
    assert folder.stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_unwritable_cache_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="XDG_CACHE_HOME"):
        sample_folder(cache=tmp_path / "file")


rows = [compose(np.random.default_rng([0, number, 0])) for number in range(1200)]


def test_every_label_is_named_or_drawn_and_many_only_one_of_the_two() -> None:
    for row in rows:
        assert set(row.named) | set(row.drawn) == set(row.labels) != set()
    named = sum(len(row.named) for row in rows) / sum(len(row.labels) for row in rows)
    drawn = sum(len(row.drawn) for row in rows) / sum(len(row.labels) for row in rows)
    assert 0.3 < named < 0.4
    assert 0.78 < drawn < 0.87


def test_every_label_has_a_drawing() -> None:
    assert set(DRAWINGS) == set(NAMES)


def test_labels_are_as_imbalanced_as_in_the_competition() -> None:
    counts = {label: sum(label in row.labels for row in rows) for label in NAMES}
    assert 0.6 < counts[1] / len(rows) < 0.8
    assert counts[1] > counts[3] > 2 * counts[4]
    assert 8 <= counts[14] == min(counts.values()) < 30
    assert 1.5 < np.mean([len(row.labels) for row in rows]) < 2.0


def test_captions_name_exactly_the_labels_they_should() -> None:
    # The last word of each noun, without its plural, stands for the label.
    words = {
        label: {re.sub("s$", "", noun.split()[-1]) for noun in nouns} | {NAMES[label].split()[-1]}
        for label, nouns in NOUNS.items()
    }
    words[10] |= {"traffic"}
    empty = 0
    for number, row in enumerate(rows):
        caption = write_caption(row, np.random.default_rng([0, number, 1]))
        said = {re.sub("s$", "", word) for word in re.findall("[a-z]+", caption.lower())}
        empty += caption == ""
        for label, nouns in words.items():
            if label not in row.named:
                assert not said & nouns, (caption, NAMES[label])
            elif caption:
                assert said & nouns, (caption, NAMES[label])
    assert 2 <= empty <= 30
