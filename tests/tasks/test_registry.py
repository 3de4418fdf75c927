import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from kmlc.config import Config, HierarchyConfig, LossConfig, TableConfig, ThresholdsConfig, TowerConfig
from kmlc.data.labels import Vocabulary
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary
from kmlc.tasks.registry import DIRECTIONS, ignored_settings, metrics_of, task_of

HIERARCHY = Config(table=TableConfig(superclass_column="Super"), loss=LossConfig("hierarchical"))
LABELS = np.array([[1, 0, 1, 0], [0, 1, 0, 1]], np.uint8)


@pytest.mark.parametrize(
    ("config", "vocabulary"),
    [
        (Config(), Vocabulary(("1", "2", "3", "4"), ("1", "2", "3", "4"))),
        (HIERARCHY, HierarchyVocabulary(("1", "2", "3", "4"), ("1", "2", "3", "4"), " ", (0, 1), ("9", "9"))),
    ],
    ids=["multilabel", "hierarchy"],
)
def test_the_directions_name_every_metric_that_is_computed(config: Config, vocabulary: Vocabulary) -> None:
    task = task_of(config, vocabulary)
    logits = LABELS.astype(np.float32)
    metrics = task.metrics(LABELS, logits, task.fit(LABELS, logits))
    assert set(metrics) == set(metrics_of(config))
    assert task.objective in metrics


def test_only_the_share_of_wrong_labels_is_better_when_it_is_lower() -> None:
    assert [name for name, direction in DIRECTIONS.items() if direction == "min"] == ["hamming_loss"]


def test_settings_that_a_task_does_not_read_are_known() -> None:
    """They were accepted silently."""
    changed = Config(
        objective="macro", thresholds=ThresholdsConfig("curve"), hierarchy=HierarchyConfig("masked")
    )
    assert ignored_settings(changed) == ["hierarchy.decoding"]
    of_hierarchy = replace(changed, table=HIERARCHY.table)
    assert ignored_settings(of_hierarchy) == ["objective", "thresholds.method"]
    assert ignored_settings(HIERARCHY) == ignored_settings(Config()) == []


def test_feature_vectors_have_no_superclasses() -> None:
    config = Config(table=HIERARCHY.table, tower=TowerConfig("mlp"))
    assert metrics_of(config) == metrics_of(Config())


def test_only_a_task_that_is_asked_for_imports_heavy_packages() -> None:
    code = (
        "import sys, kmlc.tasks.registry; "
        "print([name for name in ('keras', 'tensorflow', 'pandas', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
