"""A data folder with a folder for each class, from the command line to the submission."""

from pathlib import Path

import numpy as np
import pandas as pd

from kmlc.files import read_json
from kmlc.settings import load_config
from tests.helpers import ROOT, TINY, draw, run_command

LABELS = {"traffic light": "1", "café": "3"}


def make_class_folders(folder: Path, rows: int = 8, test_rows: int = 2) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", rows), ("test", test_rows)):
        for label, colour in LABELS.items():
            path = folder / split / label
            path.mkdir(parents=True)
            for number in range(count):
                draw(path / f"{number}.jpg", [colour], rng)


def test_class_folders_from_training_to_submission(tmp_path: Path) -> None:
    make_class_folders(tmp_path / "my data")
    flags = ["--data=my data", "--run=run", "--tower.name=simple_cnn"]
    shares = ["--split.validation=0.25", "--split.test=0.25"]
    trained = run_command(tmp_path, str(ROOT / "train.py"), *TINY, *flags, *shares)
    assert trained.returncode == 0, trained.stderr
    assert "my data/train: 16 rows, 16 used" in trained.stdout
    assert f"{'at 0.5':>36}{'Validation':>12}{'Test':>12}\n" in trained.stdout
    # The default model asks for captions, and crashed where there are none.
    assert (
        "captions.encoder bert reads nothing in any training caption: "
        "training on images alone (captions.encoder none)\n" in trained.stdout
    )
    assert load_config(tmp_path / "run" / "config.yaml").captions.encoder == "none"
    assert "2 labels: café 8, traffic light 8" in trained.stdout
    splits = read_json(tmp_path / "run" / "split.json")
    assert {name: len(ids) for name, ids in splits.items()} == {"training": 8, "validation": 4, "test": 4}
    assert sorted(name for ids in splits.values() for name in ids) == [
        f"train/{label}/{number}.jpg" for label in ("café", "traffic light") for number in range(8)
    ]

    predicted = run_command(tmp_path, str(ROOT / "predict.py"), "--run=run", "--out=s.csv", "--proba=p.csv")
    assert predicted.returncode == 0, predicted.stderr
    assert "Against the labels of the test rows: micro F1" in predicted.stdout
    submission = pd.read_csv(tmp_path / "s.csv", dtype=str, keep_default_na=False)
    names = [f"test/{label}/{number}.jpg" for label in ("café", "traffic light") for number in range(2)]
    assert submission["ImageID"].tolist() == names
    proba = pd.read_csv(tmp_path / "p.csv")
    assert list(proba.columns) == ["ImageID", "café", "traffic light"]
    thresholds = read_json(tmp_path / "run" / "thresholds.json")
    for cell, (_, scores) in zip(submission["Labels"], proba.iterrows(), strict=True):
        expected = [label for label in proba.columns[1:] if scores[label] >= thresholds[label]]
        most_probable = max(proba.columns[1:], key=lambda label: scores[label])
        assert cell.split("/") == (expected or [most_probable])
