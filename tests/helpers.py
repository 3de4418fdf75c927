"""What tests of whole commands share: a tiny data folder, tiny settings, a command run as a process."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from kmlc.data.data_report import Finding, TableReport
from kmlc.data.readers.table import Table

ROOT = Path(__file__).parent.parent


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


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
    """Write a small image with a stripe in the colour of each label."""
    pixels = rng.integers(90, 160, (20, 24, 3), dtype=np.uint8)
    for label in labels:
        start = list(COLOURS).index(label) * 8
        pixels[1:, start : start + 8] = COLOURS[label]  # the first line stays noise: no two are equal
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
    """Run Python with the given command-line arguments, as a user in that folder would."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


def listed(table: Table) -> dict[str, list[str]]:
    """Return the columns of a table as lists."""
    return {name: column.tolist() for name, column in table.columns.items()}


def findings(report: TableReport) -> dict[str, list[str]]:
    """Return the rows of each kind of finding."""
    return findings_of(report.findings)


def findings_of(listed: Sequence[Finding]) -> dict[str, list[str]]:
    """Return the rows of each of these findings."""
    return {each.what: each.rows for each in listed}


def assert_same_history(one: Path, other: Path) -> None:
    """Assert that all metrics in the history.csv of two runs are equal; the seconds of an epoch never are."""
    first, second = (
        pd.read_csv(run / "history.csv", dtype=str).drop(columns="seconds") for run in (one, other)
    )
    pd.testing.assert_frame_equal(first, second)


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a string in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
