import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve

from kmlc.config import CaptionsConfig, Config
from kmlc.data.columns import strings
from kmlc.data.records import Records, unknown_labels
from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.objectives.metrics import probabilities
from kmlc.prediction.predictor import Predictor, load_predictor, predict_logits
from kmlc.tasks.rows import read_labelled, read_test
from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory

LABELS = ("1", "3", "18")


def trained(path: Path) -> TrainedRun:
    return restore(RunDirectory(path))


def thresholds(path: Path) -> np.ndarray:
    saved = read_json(path / "thresholds.json")
    return np.array([saved[label] for label in LABELS])


def test_one_run_keeps_its_thresholds(runs: Path) -> None:
    predictor = load_predictor([runs / "both"])
    assert dict(predictor.thresholds) == read_json(runs / "both" / "thresholds.json")


def test_thresholds_are_fitted_to_the_mean_of_the_logits(runs: Path) -> None:
    """Each is the best point of the mean's precision-recall curve, as scikit-learn finds it."""
    predictor = load_predictor([runs / "both", runs / "words"])
    names = read_json(runs / "both" / "split.json")["validation"]
    records = read_labelled(predictor.config).records
    rows = records.take([records.ids.tolist().index(name) for name in names])
    logits = [predict_logits(trained(runs / name), rows) for name in ("both", "words")]
    scores = probabilities((logits[0] + logits[1]) / 2)
    for place, label in enumerate(LABELS):
        truth = rows.labels[:, place]
        precision, recall, _ = precision_recall_curve(truth, scores[:, place])
        best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
        assert f1_score(truth, scores[:, place] >= predictor.thresholds[label]) == pytest.approx(best)
    assert dict(predictor.thresholds) != read_json(runs / "both" / "thresholds.json")


def test_a_run_is_traced_once(runs: Path) -> None:
    """Every size of a batch was traced; TensorFlow warned of it."""
    predictor = load_predictor([runs / "words"])
    for rows in (1, 9):  # batches of 1, of 8 and 1
        predictor.predict(captions=["a dog"] * rows)
    function = predictor.runs[0].parts.rest.predict_function
    assert function.experimental_get_tracing_count() == 1


def test_thresholds_of_runs_with_other_validation_rows_are_averaged(runs: Path) -> None:
    predictor = load_predictor([runs / "both", runs / "words", runs / "elsewhere"])
    expected = np.mean([thresholds(runs / name) for name in ("both", "words", "elsewhere")], axis=0)
    np.testing.assert_allclose([predictor.thresholds[label] for label in LABELS], expected, rtol=1e-12)


def test_images_are_read_if_any_run_takes_them(runs: Path) -> None:
    """The rows were once read with the settings of the first run alone, which takes no images here."""
    words_first = load_predictor([runs / "words", runs / "both"])
    records, _ = read_test(words_first.config)
    assert [Path(str(path)).name for path in records.images] == records.ids.tolist()
    plain, _ = read_test(load_predictor([runs / "words"]).config)
    assert set(plain.images) == {""}


def test_runs_with_other_labels_are_refused(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs / "words", other)
    saved = json.loads((other / "labels.json").read_text())
    write_json(other / "labels.json", saved | {"labels": ["1", "3", "19"]})
    write_json(other / "thresholds.json", {"1": 0.5, "3": 0.5, "19": 0.5})
    RunDirectory(other).finish()
    message = f"{other}: its labels are not those of {runs / 'both'}; expected the same"
    with pytest.raises(UserError, match=re.escape(message)):
        load_predictor([runs / "both", other])


@pytest.mark.parametrize("encoder", ["none", "bert"])
def test_ignored_captions_are_said(encoder: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A run on data without captions dropped those of the test rows silently."""
    run: Any = SimpleNamespace(config=Config(captions=CaptionsConfig(encoder)))
    predictor = Predictor([Path("runs/a")], [run], {})
    for caption in ("a dog", ""):
        predictor.note_ignored_captions(
            Records(strings(["0.jpg"]), strings([""]), strings([caption]), unknown_labels(1))
        )
    said = "Captions are ignored: runs/a was trained without captions\n"
    assert capsys.readouterr().out == (said if encoder == "none" else "")
