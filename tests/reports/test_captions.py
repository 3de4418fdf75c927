import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kmlc.commands.captions import main
from kmlc.config import Config, TowerConfig
from kmlc.reports import captions
from kmlc.reports.captions import cooccurrence
from kmlc.tasks.rows import read_labelled

ROOT = Path(__file__).parent.parent.parent

TRAIN = """\
ImageID,Labels,Caption
0.jpg,1 19,"The dogs' owner rides a horse, a horse!"
1.jpg,19,"Two horses"
2.jpg,1,
3.jpg,1 7,"A man on a train."
"""
NAMES = "Label,Name\n1,person\n7,train\n19,horse\n"


Command = Callable[..., int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process, in a given folder; returns the exit code."""

    def run(folder: Path, *arguments: str) -> int:
        monkeypatch.chdir(folder)
        return main(arguments)

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder without images, with the report that a user's command leaves in report/."""
    folder = tmp_path_factory.mktemp("captions")
    (folder / "train.csv").write_text(TRAIN)
    (folder / "label_names.csv").write_text(NAMES)
    done = subprocess.run(
        [sys.executable, "-m", "kmlc", "captions", "--data=.", "--out=report"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Report:  report/captions.md\n")
    return folder


def test_cooccurrence_by_hand() -> None:
    labels = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]], np.uint8)
    np.testing.assert_allclose(
        cooccurrence(labels),
        np.array([[1, 0.5, 0.25, 0], [1, 1, 0.5, 0], [1, 1, 1, 0], [np.nan] * 4]),
    )


def test_cooccurrence_counts_beyond_255_rows() -> None:
    labels = np.ones((1000, 2), np.uint8)
    labels[:250, 1] = 0
    np.testing.assert_allclose(cooccurrence(labels), np.array([[1, 0.75], [1, 1]]))


def test_top_words_by_hand(folder: Path) -> None:
    table = pd.read_csv(folder / "report" / "top_words.csv")
    assert table.columns.tolist() == ["label", "name", "rank", "word", "tfidf"]
    horse = table[table["label"] == 19]
    assert horse["name"].unique() == ["horse"]
    assert horse["word"].tolist() == ["horse", "dog", "owner", "ride"]
    assert horse["rank"].tolist() == [1, 2, 3, 4]
    # 3 captions have words; "horse" is in 2 of them and 3 times in the class, the others in 1 and once.
    scores = np.array([3 * (np.log(4 / 3) + 1), *[np.log(4 / 2) + 1] * 3])
    np.testing.assert_allclose(horse["tfidf"], scores / np.linalg.norm(scores), atol=1e-6)
    assert table[table["label"] == 7]["word"].tolist() == ["man", "train"]


def test_rows_without_a_caption_count_for_cooccurrence(folder: Path) -> None:
    table = pd.read_csv(folder / "report" / "cooccurrence.csv")
    assert table.columns.tolist() == ["label", "name", "rows", "1", "7", "19"]
    assert table["name"].tolist() == ["person", "train", "horse"]
    assert table["rows"].tolist() == [3, 1, 2]
    shares = table[["1", "7", "19"]].to_numpy()
    np.testing.assert_allclose(shares, np.array([[1, 1 / 3, 1 / 3], [1, 1, 0], [0.5, 0, 1]]), atol=1e-6)


def test_the_page_shows_the_plots_that_were_written(folder: Path) -> None:
    page = (folder / "report" / "captions.md").read_text()
    assert "4 rows, 3 of them with words in their caption; 3 labels." in page
    assert "| 19 horse | horse, dog, owner, ride | 2 |" in page
    for name in ("top_words.png", "word_clouds.png", "cooccurrence.png"):
        assert f"({name})" in page
        with Image.open(folder / "report" / name) as image:
            pixels = np.asarray(image.convert("L"))
        assert pixels.shape[0] > 200
        assert 0.01 < (pixels < 250).mean() < 0.9
    assert {each.name for each in (folder / "report").iterdir()} == {
        *("captions.md", "top_words.csv", "cooccurrence.csv"),
        *("top_words.png", "word_clouds.png", "cooccurrence.png"),
    }


def test_the_same_data_give_the_same_bytes(folder: Path, command: Command) -> None:
    assert command(folder, "--data=.", "--out=again") == 0
    for path in (folder / "report").iterdir():
        assert path.read_bytes() == (folder / "again" / path.name).read_bytes(), path.name


def test_many_labels_take_several_plots_which_show_the_most_frequent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "DRAWN", 5)
    monkeypatch.setattr(captions, "PAGE", 2)
    rows = [f"{number}.jpg,{number % 6},word" for number in range(11)]
    (tmp_path / "train.csv").write_text("\n".join(["ImageID,Labels,Caption", *rows]))
    config = Config(data=str(tmp_path), tower=TowerConfig(name="none"))
    captions.write_caption_report(read_labelled(config), config, tmp_path / "out")
    plots = {path.name for path in (tmp_path / "out").glob("*.png")}
    pages = [f"{kind}{page}.png" for kind in ("top_words", "word_clouds") for page in ("", "_2", "_3")]
    assert plots == {"cooccurrence.png", *pages}
    assert "6 labels; the plots show the 5 most frequent." in (tmp_path / "out" / "captions.md").read_text()
    assert len(pd.read_csv(tmp_path / "out" / "top_words.csv")) == 6


@pytest.mark.parametrize(
    "table", ["ImageID,Labels\n0.jpg,1\n1.jpg,2\n", "ImageID,Labels,Caption\n0.jpg,1,\n1.jpg,2,the 7\n"]
)
def test_data_without_captions_is_one_line(
    table: str, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text(table)
    assert command(tmp_path, "--data=.") == 2
    assert capsys.readouterr().err == (
        "kmlc captions: error: train.csv: no row has a caption with words; expected captions in the column "
        "'Caption' (name yours with --table.caption_column)\n"
    )
    assert not (tmp_path / "captions-report").exists()


def test_data_without_labels_is_one_line(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text("ImageID,Labels,Caption\n0.jpg,,a dog\n1.jpg,,a cat\n")
    assert command(tmp_path, "--data=.") == 2
    assert capsys.readouterr().err == "kmlc captions: error: train.csv: none of the 2 rows has a label\n"


def test_a_label_without_words_has_an_empty_panel(tmp_path: Path, command: Command) -> None:
    (tmp_path / "train.csv").write_text("ImageID,Labels,Caption\n0.jpg,1,a dog\n1.jpg,2,the 7\n")
    assert command(tmp_path, "--data=.") == 0
    page = (tmp_path / "captions-report" / "captions.md").read_text()
    assert "| 1 | dog | 1 |" in page
    assert "| 2 |  | 1 |" in page


def test_settings_name_the_columns(tmp_path: Path, command: Command) -> None:
    (tmp_path / "train.csv").write_text("file,tags,text\n0.jpg,a|b,a dog\n1.jpg,b,a cat\n")
    columns = ["--table.image_column=file", "--table.label_column=tags", "--table.caption_column", "text"]
    assert command(tmp_path, "--data", ".", *columns, "--labels.delimiter=|") == 0
    table = pd.read_csv(tmp_path / "captions-report" / "top_words.csv")
    assert table["word"].tolist() == ["dog", "cat", "dog"]


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "--train.epochs=3",
            "--train.epochs: no such flag (did you mean --table.train?); --help lists them all",
        ),
        ("--labels.kind=x", "--labels.kind: expected one of auto, integer, name; got x"),
    ],
)
def test_a_wrong_flag_is_one_line(
    flag: str, message: str, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, flag) == 2
    assert capsys.readouterr().err == f"kmlc captions: error: {message}\n"
