"""Tables whose images are damaged, bombs or no files: every row is predicted, in little memory."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import example
from hypothesis import strategies as st

from kmlc.commands.predict import main as predict
from tests.fuzz.harness import Sandbox, fuzz
from tests.fuzz.pictures import BOMBS, VALID
from tests.fuzz.strategies import EDITS, Edit, edited
from tests.fuzz.submissions import check_submission

IN_A_TABLE = 50

Picture = tuple[str, list[Edit]]


@pytest.fixture(autouse=True)
def _quick(restored_once: None) -> None:
    """Do not restore the run for each table."""


def predict_images(sandbox: Sandbox, names: list[str]) -> None:
    """Predict images in the folder `in/data`, and check that each is in the submission once and in order."""
    with (sandbox.work / "in" / "test.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("ImageID", "Caption"), *((name, "a dog") for name in names)])
    run = sandbox.root / "runs" / "both"
    outcome = sandbox.call(predict, "--run", run, "--data", "in", "--out", "s.csv", writes=["s.csv"])
    check_submission(sandbox, outcome, names)


def image_folder(sandbox: Sandbox) -> Path:
    folder = sandbox.clear() / "in" / "data"
    folder.mkdir(parents=True)
    return folder


PICTURES = st.tuples(st.sampled_from(sorted(VALID)), st.just([]) | EDITS)


@fuzz(
    "images",
    6900,
    inputs=IN_A_TABLE,
    pictures=st.lists(PICTURES, min_size=IN_A_TABLE, max_size=IN_A_TABLE),
    suffixes=st.lists(st.sampled_from(["", ".jpg", ".png", ".gif", ".webp", ".bmp"]), min_size=IN_A_TABLE),
)
def test_damaged_images(sandbox: Sandbox, pictures: list[Picture], suffixes: list[str]) -> None:
    folder, names = image_folder(sandbox), []
    for number, ((name, edits), suffix) in enumerate(zip(pictures, suffixes, strict=False)):
        names.append(f"{number}-{name}{suffix}")
        (folder / names[-1]).write_bytes(edited(VALID[name], edits))
    predict_images(sandbox, names)


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_small_files_that_decode_to_very_much(sandbox: Sandbox, name: str) -> None:
    (image_folder(sandbox) / name).write_bytes(BOMBS[name])
    predict_images(sandbox, [name])


@fuzz("images", 50, name=st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12))
@example(name="a" * 256)
@example(name="\x1b[31m.jpg")
def test_what_is_no_file(sandbox: Sandbox, name: str) -> None:
    folder = image_folder(sandbox)
    secret = sandbox.work / "secret.png"
    secret.write_bytes(VALID["rgb.png"])
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "out.jpg").symlink_to(secret)
    (folder / "inside.jpg").symlink_to("rgb.png")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "rgb.png").write_bytes(VALID["rgb.png"])
    names = [
        "pipe.jpg",
        "folder.jpg",
        "loop.jpg",
        "out.jpg",
        "inside.jpg",
        "zero.jpg",
        "rgb.png",
        str(secret),
    ]
    predict_images(sandbox, [*names, "../../secret.png", name.strip() or "x"])
