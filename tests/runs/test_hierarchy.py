"""System 4 from the command line: a hierarchy with a class held out, from training to the submission."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmlc.commands.evaluate import main as evaluate
from kmlc.files import read_json
from kmlc.prediction.predictor import load_predictor
from kmlc.prediction.single_row import predict_one
from tests.helpers import COLOURS, ROOT, TINY, draw, run_command

# A superclass and a subclass, and the stripes that show them; the last subclass is held out.
CLASSES = {"0,0": ["1"], "0,1": ["1", "18"], "1,2": ["3"], "1,3": ["3", "18"]}


def make_hierarchy(folder: Path, rows: int = 40, test_rows: int = 6) -> Path:
    rng = np.random.default_rng(0)
    header = "image,superclass_index,subclass_index"
    for split, count, table in (("train", rows, "train_data.csv"), ("test", test_rows, "test_labels.csv")):
        (folder / f"{split}_images").mkdir(parents=True)
        lines = [header]
        for number in range(count):
            labels = list(CLASSES)[number % len(CLASSES)]
            draw(folder / f"{split}_images" / f"{number}.jpg", CLASSES[labels], rng)
            lines.append(f"{number}.jpg,{labels}")
        (folder / table).write_text("\n".join(lines) + "\n")
    (folder / "superclass_mapping.csv").write_text("index,class\n0,red\n1,green\n2,novel\n")
    (folder / "subclass_mapping.csv").write_text("index,class\n0,a\n1,b\n2,c\n3,d\n4,novel\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert len(COLOURS) == 3
    folder = tmp_path_factory.mktemp("hierarchy")
    make_hierarchy(folder / "data")
    flags = ["--data=data", "--run=run", "--tower.name=simple_cnn", "--hierarchy.held_out_subclasses=[3]"]
    done = run_command(
        folder,
        str(ROOT / "train.py"),
        "--model=efficientnet_hierarchy",
        *TINY,
        *flags,
        "--fusion.hidden_dim=0",
    )
    assert done.returncode == 0, done.stderr
    assert "row of a novel or held-out class: 10, not trained on, joins the validation rows" in done.stdout
    assert "give it the share of known rows that pass here, --hierarchy.subclass_known_share" in done.stdout
    return folder


def test_the_run_is_that_of_the_hierarchy(folder: Path) -> None:
    labels = read_json(folder / "run" / "labels.json")
    assert labels["names"] == ["red", "green", "a", "b", "c"]
    assert labels["parents"] == [0, 0, 1]
    assert labels["held_out"] == ["d"]
    split = read_json(folder / "run" / "split.json")
    assert set(split["validation"]) >= {f"{number}.jpg" for number in range(3, 40, 4)}
    assert len(split["training"]) == 24
    metrics = read_json(folder / "run" / "metrics.json")
    assert metrics["validation"]["superclass_auroc"] is None
    assert 0 <= metrics["validation"]["subclass_auroc"] <= 1
    history = pd.read_csv(folder / "run" / "history.csv")
    assert metrics["validation"]["hierarchical_f1"] == history["val_hierarchical_f1"].max()


def test_the_report_shows_it(folder: Path) -> None:
    report = (folder / "run" / "report.md").read_text()
    assert "Held out of training, 1 in all: *d*." in report
    assert "fitted on these same rows, so the open metrics" in report
    assert "| level | threshold | known rows that pass | novel rows |" in report
    plots = {path.name for path in (folder / "run" / "plots").iterdir()}
    assert plots >= {"superclass_confusion.png", "novelty.png", "label_distribution.png"}
    assert "per_class_f1.png" not in plots
    subclasses = pd.read_csv(folder / "run" / "subclasses.csv")
    assert sorted(subclasses["subclass"]) == ["a", "b", "c"]
    assert subclasses["f1"].is_monotonic_increasing


def test_the_submission_has_every_test_image_once_and_in_order(folder: Path) -> None:
    done = run_command(folder, str(ROOT / "predict.py"), "--run=run", "--out=s.csv", "--proba=p.csv")
    assert done.returncode == 0, done.stderr
    assert "Against the labels of the test rows: superclass accuracy" in done.stdout
    submission = pd.read_csv(folder / "s.csv")
    assert list(submission.columns) == ["image", "superclass_index", "subclass_index"]
    assert submission["image"].tolist() == [f"{number}.jpg" for number in range(6)]
    assert submission["superclass_index"].isin([0, 1, 2]).all()
    assert submission["subclass_index"].isin([0, 1, 2, 4]).all()
    assert (submission["subclass_index"] == 4)[submission["superclass_index"] == 2].all()
    proba = pd.read_csv(folder / "p.csv")
    levels = ["superclass 0", "superclass 1"], ["subclass 0", "subclass 1", "subclass 2"]
    assert list(proba.columns) == ["image", *levels[0], *levels[1]]
    for columns in levels:
        np.testing.assert_allclose(proba[columns].sum(axis=1), 1, atol=1e-6)


def test_two_runs_predict_one_image_together(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    alone = load_predictor([Path("run")], "flip")
    twice = load_predictor([Path("run"), Path("run")], "flip")
    assert dict(alone.thresholds) == dict(twice.thresholds)
    shown = []
    for predictor in (alone, twice):
        predict_one(predictor, Path("data/test_images/0.jpg"), "")
        shown.append(capsys.readouterr().out.splitlines()[1:])
    assert shown[0] == shown[1]
    assert [line for line in shown[0] if not line.startswith("  ")][:2] == ["superclass", "subclass"]
    assert [line.split(":")[0] for line in shown[0][-2:]] == ["superclass", "subclass"]


def test_the_run_is_evaluated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its validation rows, and on the test rows with labels, among them rows of the held-out class."""
    monkeypatch.chdir(folder)
    assert evaluate(["run", "--resamples=30"]) == 0
    saved = read_json(folder / "run" / "evaluation" / "evaluation.json")
    expected = read_json(folder / "run" / "metrics.json")["validation"]
    assert {name: each["value"] for name, each in saved["metrics"].items()} == expected
    assert [each["name"] for each in saved["classes"]][:2] == ["superclass 0 red", "superclass 1 green"]
    assert {each["value"]: each["rows"] for each in saved["slices"]}["1"] >= 10
    assert evaluate(["run", "--resamples=30", "--data=data", "--against=run"]) == 0
    compared = read_json(folder / "run" / "evaluation-against-run" / "evaluation.json")
    assert compared["rows"] == 6
    assert compared["metrics"]["hierarchical_f1"]["difference"] == {"value": 0, "low": 0, "high": 0}
