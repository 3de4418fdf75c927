from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kmlc.config import Config, ThresholdsConfig
from kmlc.data.labels import Vocabulary
from kmlc.tasks.multilabel.task import Multilabel

LABELS = np.array([[1, 0], [1, 1], [0, 1]], np.uint8)
LOGITS = np.array([[2.0, -2], [1, -1], [-1, 3]], np.float32)
HALF = {"1": 0.5, "3": 0.5}


def report(folder: Path, thresholds: ThresholdsConfig, *splits: str) -> str:
    (folder / "plots").mkdir()
    task = Multilabel(Config(thresholds=thresholds), Vocabulary(("1", "3"), ("person", "car")))
    metrics = {split: task.metrics(LABELS, LOGITS, HALF) for split in splits}
    details = {split: task.details(LABELS, LOGITS, HALF) for split in splits}
    return "\n".join(task.report_sections(folder, metrics | {"details": details}, HALF, LABELS, LOGITS))


def test_the_table_has_a_row_for_each_label(tmp_path: Path) -> None:
    sections = report(tmp_path, ThresholdsConfig("joint"), "validation")
    assert "| 3 car | 0.5000 | 0.6667 | 1.0000 | 0.5000 | 1.0000 | 2 |" in sections
    assert "The thresholds (joint) were fitted on the validation rows" in sections
    table = pd.read_csv(tmp_path / "per_class.csv")
    assert table["val_f1"].tolist() == pytest.approx([1.0, 2 / 3])
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "per_class_f1.png",
        "precision_recall.png",
    }


def test_a_test_split_adds_its_columns(tmp_path: Path) -> None:
    sections = report(tmp_path, ThresholdsConfig("fixed"), "validation", "test")
    assert "All but test F1 and test average precision are on the validation rows." in sections
    assert "were fitted" not in sections
    columns = pd.read_csv(tmp_path / "per_class.csv").columns.tolist()
    assert columns[:4] == ["class", "best_threshold", "val_f1", "test_f1"]
    assert columns[-1] == "test_average_precision"
