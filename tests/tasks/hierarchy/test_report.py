from pathlib import Path

import numpy as np
import pandas as pd

from kmlc.config import Config, HierarchyConfig, LossConfig, TableConfig
from kmlc.tasks.hierarchy.task import Hierarchical
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary

# A jay that looks like an owl, a pug, and a bird of a novel subclass.
LABELS = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0], [1, 0, 0, 0, 0]], np.uint8)
LOGITS = np.array([[9.0, 0, 0, 6, 7], [0, 8, 9, 0, 0], [5, 0, 0, 2, 0]], np.float32)


def report(folder: Path, labels: np.ndarray, logits: np.ndarray) -> str:
    task = Hierarchical(
        Config(
            table=TableConfig(superclass_column="Super"),
            loss=LossConfig("hierarchical"),
            hierarchy=HierarchyConfig(novelty="max_logit"),
        ),
        HierarchyVocabulary(
            ("0", "1", "0", "2", "3"),
            ("bird", "dog", "pug", "jay", "owl"),
            " ",
            (1, 0, 0),
            ("2", "4"),
            ("emu",),
        ),
    )
    thresholds = task.fit(labels, logits)
    metrics = {"details": {"validation": task.details(labels, logits, thresholds)}}
    return "\n".join(task.report_sections(folder, metrics, thresholds, labels, logits))


def test_the_sections_show_subclasses_and_novelty(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    sections = report(tmp_path, LABELS, LOGITS)
    assert "| jay | bird | 1 | 0.0000 | 0.0000 | 0.0000 |" in sections
    assert "| superclass | -7.0000 | 1.0000 | 0 |" in sections
    assert "| subclass | -4.5000 | 1.0000 | 1 |" in sections
    assert "Held out of training, 1 in all: *emu*." in sections
    assert "--hierarchy.subclass_known_share 1.0000" in sections
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "superclass_confusion.png",
        "novelty.png",
    }
    assert pd.read_csv(tmp_path / "subclasses.csv")["subclass"].tolist() == ["jay", "pug"]


def test_without_novel_rows_there_is_no_plot_of_novelty(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    assert "novelty.png" not in report(tmp_path, LABELS[:2], LOGITS[:2])
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["superclass_confusion.png"]
