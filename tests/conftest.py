"""A tiny data folder and tiny settings that every test of a whole command shares."""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# A time limit would fail tests on a busy machine; CI tries the same examples each time.
settings.register_profile("kmlc", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("kmlc")

ROOT = Path(__file__).parent.parent

COLOURS = {"1": (200, 40, 40), "3": (40, 160, 60), "18": (50, 70, 200)}
WORDS = {"1": "person", "3": "car", "18": "dog"}

TINY = [
    "--images.size=16",
    "--captions.layers=1",
    "--captions.hidden_dim=8",
    "--captions.heads=2",
    "--captions.feedforward_dim=8",
    "--captions.sequence_length=8",
    "--fusion.hidden_dim=8",
    "--tower.feedforward_dim=8",
    "--train.batch_size=8",
    "--train.epochs=2",
]
"""Flags that make any model small enough for a test."""


def draw(path: Path, labels: Sequence[str], rng: np.random.Generator) -> None:
    """Write a small picture with a stripe in the colour of each label."""
    pixels = rng.integers(90, 160, (20, 24, 3), dtype=np.uint8)
    for label in labels:
        start = list(COLOURS).index(label) * 8
        pixels[:, start : start + 8] = COLOURS[label]
    Image.fromarray(pixels).save(path, quality=95)


def make_data(folder: Path, rows: int = 40, test_rows: int = 7, seed: int = 0) -> Path:
    """Write a data folder in the competition's layout with labels 1, 3 and 18."""
    rng = np.random.default_rng(seed)
    (folder / "data").mkdir(parents=True)
    train, test, truth = ["ImageID,Labels,Caption"], ["ImageID,Caption"], ["ImageID,Labels"]
    for number in range(rows + test_rows):
        labels = [label for label in COLOURS if rng.random() < 0.5] or ["1"]
        caption = f'A "{WORDS[labels[0]]}", seen from afar.'
        draw(folder / "data" / f"{number}.jpg", labels, rng)
        if number < rows:
            train.append(f'{number}.jpg,{" ".join(labels)},"{caption}"')
        else:
            test.append(f'{number}.jpg,"{caption}"')
            truth.append(f"{number}.jpg,{' '.join(labels)}")
    (folder / "train.csv").write_text("\n".join(train) + "\n")
    (folder / "test.csv").write_text("\n".join(test) + "\n")
    (folder / "test_labels.csv").write_text("\n".join(truth) + "\n")
    return folder


def run_command(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the given words, as a user in that folder would."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the folders with the longest tests come first: two workers then end at about the same time."""
    items.sort(key=lambda item: item.path.parent.name not in ("training", "tuning"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of 40 + 7 rows; tests read it and leave it as it is."""
    return make_data(tmp_path_factory.mktemp("data") / "folder")


@pytest.fixture(scope="session")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three finished runs, one epoch each; tests read them and leave them as they are.

    `both` takes images and captions, `words` captions alone; they validate on the same rows, `elsewhere`,
    like `both` but for its seed, on others.
    """
    from kmlc.cli import parse_train
    from kmlc.training.train import train

    folder = tmp_path_factory.mktemp("runs")
    settings = ["--captions.encoder=bigram", "--thresholds.method=curve", "--split.method=random"]
    for name, own in {
        "both": ["--tower.name=simple_cnn"],
        "words": ["--tower.name=none", "--train.learning_rate=0.01"],
        "elsewhere": ["--tower.name=simple_cnn", "--seed=7"],
    }.items():
        flags = [*TINY, *settings, *own, f"--data={data}", f"--run={folder / name}", "--train.epochs=1"]
        train(parse_train(flags)[0])
    return folder
