"""System 3: AdvancedCNN with a threshold for each label, evaluated on validation and on test rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

from kmlc.files import read_json
from kmlc.reports.report import write_report
from kmlc.settings import config_from_flags
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train

pytestmark = pytest.mark.slow
LABELS = ["1", "3", "18"]


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    path = tmp_path_factory.mktemp("system3") / "run"
    flags = ["--images.size=32", "--train.epochs=6", "--train.batch_size=8", "--train.early_stopping=0"]
    # A rate that is too high and no patience, so that there are plateaus in few epochs.
    rate = ["--train.learning_rate=0.003", "--train.plateau_patience=1"]
    config = config_from_flags(["--model=advanced_cnn", f"--data={data}", f"--run={path}", *flags, *rate])
    run = train(config)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def arrays(run: RunDirectory) -> dict[str, np.ndarray]:
    """Labels and probabilities of each split, from logits.npz."""
    with np.load(run.logits, allow_pickle=False) as saved:
        found = dict(saved)
    assert set(found) == {"validation_logits", "validation_labels", "test_logits", "test_labels"}
    for split in ("validation", "test"):
        scores = np.exp(-np.logaddexp(0, -found[f"{split}_logits"].astype(float)))
        # Thresholds apply to float32 probabilities; they are compared in float64.
        found[split] = scores.astype(np.float32).astype(float)
    return found


@pytest.mark.slow
def test_thresholds_are_the_best_points_of_the_validation_curves(
    run: RunDirectory, arrays: dict[str, np.ndarray]
) -> None:
    thresholds = read_json(run.thresholds)
    assert list(thresholds) == LABELS
    for place, label in enumerate(LABELS):
        truth, scores = arrays["validation_labels"][:, place], arrays["validation"][:, place]
        precision, recall, _ = precision_recall_curve(truth, scores)
        best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
        assert f1_score(truth, scores >= np.float64(thresholds[label])) == pytest.approx(best)


def test_the_table_of_classes_has_the_f1_of_both_splits(
    run: RunDirectory, arrays: dict[str, np.ndarray]
) -> None:
    table = pd.read_csv(run.path / "per_class.csv", dtype={"class": str})
    assert list(table.columns[:4]) == ["class", "best_threshold", "val_f1", "test_f1"]
    assert table["class"].tolist() == LABELS
    thresholds = read_json(run.thresholds)
    assert table["best_threshold"].tolist() == [thresholds[label] for label in LABELS]
    for split, column in (("validation", "val_f1"), ("test", "test_f1")):
        predicted = arrays[split] >= table["best_threshold"].to_numpy()
        expected = f1_score(arrays[f"{split}_labels"], predicted, average=None, zero_division=0)
        np.testing.assert_allclose(table[column], expected, rtol=1e-12)
    for split, column in (("validation", "average_precision"), ("test", "test_average_precision")):
        average_precision = average_precision_score(arrays[f"{split}_labels"], arrays[split], average=None)
        np.testing.assert_allclose(table[column], average_precision, rtol=1e-12)
    assert table["support"].tolist() == arrays["validation_labels"].sum(axis=0).tolist()


def test_metrics_of_both_splits_equal_scikit_learns(run: RunDirectory, arrays: dict[str, np.ndarray]) -> None:
    metrics, ids = read_json(run.metrics), read_json(run.split)
    values = np.array(list(read_json(run.thresholds).values()))
    for split in ("validation", "test"):
        labels, scores = arrays[f"{split}_labels"], arrays[split]
        assert len(labels) == len(ids[split]) > 0
        macro_map = average_precision_score(labels, scores, average="macro")
        assert metrics[split]["macro_map"] == pytest.approx(macro_map, rel=1e-12)
        for average in ("micro", "macro", "samples"):
            expected = f1_score(labels, scores >= values, average=average, zero_division=0)
            assert metrics[split][f"{average}_f1"] == pytest.approx(expected, rel=1e-12)
    at_half = metrics["details"]["validation"]["at_0.5"]["macro_f1"]
    labels, scores = arrays["validation_labels"], arrays["validation"]
    assert at_half == pytest.approx(f1_score(labels, scores >= 0.5, average="macro", zero_division=0))


def test_the_epoch_of_the_lowest_loss_is_kept(run: RunDirectory, arrays: dict[str, np.ndarray]) -> None:
    """Its weights, too: the logits have the loss that history.csv says of that epoch."""
    history = pd.read_csv(run.history)
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert read_json(run.metrics)["best_epoch"] == history["epoch"][history["val_loss"].argmin()]
    labels, logits = arrays["validation_labels"], arrays["validation_logits"].astype(float)
    loss = np.mean(np.logaddexp(0, logits) - labels * logits)
    assert loss == pytest.approx(history["val_loss"].min(), rel=1e-4)


def test_the_learning_rate_of_every_epoch_is_recorded(run: RunDirectory) -> None:
    """It is halved after every epoch without a new lowest loss (a patience of 1)."""
    history = pd.read_csv(run.history)
    lowest_before = history["val_loss"].cummin().shift(fill_value=np.inf)
    worse = history["val_loss"] >= lowest_before
    expected = 0.003 * 0.5 ** worse.cumsum().shift(fill_value=0)
    assert worse[:-1].any(), "the settings above are to have a plateau"
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-6)


def test_the_report_has_a_column_for_the_test_rows(run: RunDirectory) -> None:
    report, metrics = run.report.read_text(), read_json(run.metrics)
    assert "| metric | validation at 0.5 | validation | test |" in report
    columns = [metrics["details"]["validation"]["at_0.5"], metrics["validation"], metrics["test"]]
    cells = " | ".join(f"{column['macro_f1']:.4f}" for column in columns)
    assert f"| macro F1 | {cells} |" in report
    assert "| class | best threshold | val F1 | test F1 |" in report
    assert "All but test F1 and test average precision are on the validation rows." in report
