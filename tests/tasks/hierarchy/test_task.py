"""The task of system 4 on four rows whose answers can be read off the logits."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from kmlc.config import Config, HierarchyConfig, LossConfig, TableConfig
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.tasks.hierarchy.task import Hierarchical
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary
from kmlc.tasks.multilabel.task import Multilabel
from kmlc.tasks.registry import task_of
from kmlc.tuning.grid import METRICS

VOCABULARY = HierarchyVocabulary(
    ("0", "1", "0", "2", "3"), ("bird", "dog", "pug", "jay", "owl"), " ", (1, 0, 0), ("2", "87")
)
# A jay taken for an owl, a pug, a bird of an unknown subclass, and neither bird nor dog.
LABELS = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], np.uint8)
LOGITS = np.array(
    [[9.0, 0, 0, 6, 7], [0, 8, 9, 0, 0], [5, 0, 0, 2, 0], [1, 0, 0, 1, 0]],
    np.float32,
)
# Minus the highest logit: of the subclasses, and of both heads together.
SUBCLASS_SCORES = [-7.0, -9.0, -2.0, -1.0]
SUPERCLASS_SCORES = [-16.0, -17.0, -7.0, -2.0]


def task(hierarchy: HierarchyConfig | None = None, **loss: Any) -> Hierarchical:
    config = Config(
        table=TableConfig(image_column="image", superclass_column="super", label_column="sub"),
        loss=LossConfig("hierarchical", label_smoothing=0.0, **loss),
        hierarchy=hierarchy or HierarchyConfig(novelty="max_logit"),
    )
    made = task_of(config, VOCABULARY)
    assert isinstance(made, Hierarchical)
    return made


def test_a_superclass_column_chooses_the_hierarchy() -> None:
    assert isinstance(task_of(Config(), Vocabulary(("1",), ("1",))), Multilabel)
    assert task().heads == {"superclass": 2, "subclass": 3}


def test_thresholds_separate_known_from_novel_rows() -> None:
    thresholds = task().fit(LABELS, LOGITS)
    assert thresholds == {"superclass": (-7 - 2) / 2, "subclass": (-7 - 2) / 2}


def test_without_novel_rows_thresholds_follow_the_known_shares() -> None:
    settings = HierarchyConfig(novelty="max_logit", superclass_known_share=1.0, subclass_known_share=0.5)
    thresholds = task(settings).fit(LABELS[:2], LOGITS[:2])
    assert thresholds == {"superclass": -16.0, "subclass": -8.0}


def test_the_configured_novelty_score_is_used() -> None:
    scores = task(HierarchyConfig(novelty="energy")).scores(LOGITS)[1]
    np.testing.assert_allclose(scores, -np.log(np.exp(LOGITS[:, 2:].astype(float)).sum(axis=1)))


def test_metrics_by_hand() -> None:
    """Known rows: superclasses right, one of two subclasses. With novelty the other two are right too."""
    made = task()
    metrics = made.metrics(LABELS, LOGITS, made.fit(LABELS, LOGITS))
    assert metrics == pytest.approx(
        {
            "superclass_accuracy": 1.0,
            "subclass_accuracy": 0.5,
            "hierarchical_precision": 3 / 4,
            "hierarchical_recall": 3 / 4,
            "hierarchical_f1": 3 / 4,
            "consistency": 1.0,
            "superclass_auroc": 1.0,
            "subclass_auroc": 1.0,
            "open_superclass_accuracy": 1.0,
            "open_subclass_accuracy": 3 / 4,
            "open_hierarchical_precision": 7 / 8,
            "open_hierarchical_recall": 7 / 8,
            "open_hierarchical_f1": 7 / 8,
            "open_consistency": 1.0,
        }
    )
    assert made.objective in metrics
    assert set(metrics) <= METRICS
    assert set(made.curves) <= set(metrics)


def test_auroc_is_that_of_the_scores() -> None:
    rng = np.random.default_rng(0)
    labels, logits = LABELS.repeat(20, axis=0), rng.normal(size=(80, 5)).astype(np.float32)
    metrics = task().metrics(labels, logits, {"superclass": 0.0, "subclass": 0.0})
    superclass, subclass = -logits[:, :2].max(axis=1).astype(float), -logits[:, 2:].max(axis=1).astype(float)
    novel = np.repeat([[0, 0], [0, 0], [0, 1], [1, 1]], 20, axis=0)
    assert metrics["superclass_auroc"] == pytest.approx(roc_auc_score(novel[:, 0], superclass + subclass))
    assert metrics["subclass_auroc"] == pytest.approx(roc_auc_score(novel[:, 1], subclass))


def test_metrics_that_have_no_rows_are_none() -> None:
    thresholds = {"superclass": -4.5, "subclass": -4.5}
    known = task().metrics(LABELS[:2], LOGITS[:2], thresholds)
    assert [name for name, value in known.items() if value is None] == ["superclass_auroc", "subclass_auroc"]
    novel = task().metrics(LABELS[3:], LOGITS[3:], thresholds)
    assert novel["hierarchical_f1"] is novel["consistency"] is novel["subclass_auroc"] is None
    assert novel["open_hierarchical_f1"] == 1.0


@pytest.mark.parametrize(
    ("decoding", "predicted"), [("independent", [0, 0]), ("masked", [0, 1]), ("joint", [1, 0])]
)
def test_the_configured_decoding_is_used(decoding: Any, predicted: list[int]) -> None:
    classes = task(HierarchyConfig(decoding=decoding)).predict_known(np.array([[1.0, 0, 9, 3, 0]]))
    assert [int(level[0]) for level in classes] == predicted


def test_details_of_the_rows() -> None:
    made = task()
    details = made.details(LABELS, LOGITS, {"superclass": -4.5, "subclass": -8.0})
    assert details["superclass_confusion"] == {
        "classes": ["bird", "dog", "novel"],
        "counts": [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
    }
    assert details["novel_rows"] == {"superclass": 1, "subclass": 2}
    assert details["known_share"] == {"superclass": 1.0, "subclass": 0.5}
    # The jay is taken for an owl and, with novelty, for a novel bird.
    assert details["known_subclass_accuracy"] == {"without": 0.5, "with": 0.5}
    strict = made.details(LABELS, LOGITS, {"superclass": -4.5, "subclass": -10.0})
    assert strict["known_subclass_accuracy"] == {"without": 0.5, "with": 0.0}
    weakest = details["weakest_subclasses"]
    assert [each["subclass"] for each in weakest] == ["jay", "pug"]
    assert weakest[0] == {
        "subclass": "jay",
        "superclass": "bird",
        "support": 1,
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
    }
    assert json.loads(json.dumps(details, allow_nan=False)) == details
    nothing_known = made.details(LABELS[3:], LOGITS[3:], {"superclass": -4.5, "subclass": -8.0})
    assert nothing_known["known_share"] == {"superclass": None, "subclass": None}
    assert nothing_known["known_subclass_accuracy"] == {"without": None, "with": None}


def test_advice_names_the_shares_of_the_levels_with_novel_rows_and_their_cost() -> None:
    made = task()
    details = {
        "known_share": {"superclass": 0.99, "subclass": 0.875},
        "known_subclass_accuracy": {"without": 0.9, "with": 0.6},
    }
    line, cost = made.advice(details | {"novel_rows": {"superclass": 0, "subclass": 2}})
    assert line.endswith("pass here, --hierarchy.subclass_known_share 0.8750")
    assert "known rows: subclass accuracy 0.6000 with novelty, 0.9000 without" in cost
    line, _ = made.advice(details | {"novel_rows": {"superclass": 1, "subclass": 2}})
    assert "--hierarchy.superclass_known_share 0.9900 --hierarchy.subclass_known_share 0.8750" in line
    assert made.advice(details | {"novel_rows": {"superclass": 0, "subclass": 0}}) == []


def test_submission_has_the_labels_of_the_tables() -> None:
    """An owl, a pug, a bird of a novel subclass, novel at both levels."""
    made = task()
    table = made.submission(list("abcd"), LOGITS, made.fit(LABELS, LOGITS))
    pd.testing.assert_frame_equal(
        table,
        pd.DataFrame({"image": list("abcd"), "super": ["0", "1", "0", "2"], "sub": ["3", "0", "87", "87"]}),
    )


def test_probabilities_are_a_softmax_at_each_level() -> None:
    table = task().probabilities(np.log(np.array([[1.0, 3, 2, 1, 1]])))
    assert list(table.columns) == ["superclass 0", "superclass 1", "subclass 0", "subclass 2", "subclass 3"]
    np.testing.assert_allclose(table.to_numpy(), [[0.25, 0.75, 0.5, 0.25, 0.25]], rtol=1e-6)


def test_a_row_explained() -> None:
    logits = np.log(np.array([[1.0, 3, 2, 1, 1]]))
    assert task().explain(logits, {"superclass": 0.0, "subclass": -1.0}) == [
        "superclass",
        "  1 dog   0.750",
        "  0 bird  0.250",
        "  novelty -1.792, novel above 0.000",
        "subclass",
        "  0 pug  0.500",
        "  2 jay  0.250",
        "  3 owl  0.250",
        "  novelty -0.693, novel above -1.000",
        "superclass: 1 dog",
        "subclass: 87 novel",
    ]


def test_each_level_is_balanced_by_itself() -> None:
    """Superclasses 3:1 weigh 1/2 and 3/2; subclasses 1:2:1 weigh 6/5, 3/5 and 6/5; all logits are equal."""
    labels = np.array([[1, 0, 0, 1, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1], [0, 1, 1, 0, 0]], np.float32)
    loss = task(class_weights="balanced").loss(labels)
    per_row = loss.call(labels, np.zeros((4, 5), np.float32))
    level, sublevel = np.array([0.5, 0.5, 0.5, 1.5]), np.array([0.6, 0.6, 1.2, 1.2])
    np.testing.assert_allclose(per_row, level * np.log(2) + sublevel * np.log(3), rtol=1e-6)
    given = (
        task(class_weights=[1.0, 2.0, 1.0, 1.0, 4.0]).loss(labels).call(labels, np.zeros((4, 5), np.float32))
    )
    np.testing.assert_allclose(
        given, np.array([1, 1, 1, 2]) * np.log(2) + np.array([1, 1, 4, 1]) * np.log(3), rtol=1e-6
    )


def test_the_loss_of_another_task_is_an_error() -> None:
    with pytest.raises(
        UserError, match=re.escape("loss.name: expected hierarchical with table.superclass_co")
    ):
        Hierarchical(Config(), VOCABULARY).loss(LABELS)
    with pytest.raises(
        UserError, match=r"loss\.class_weights: expected 5 numbers, one for each label; got 1"
    ):
        task(class_weights=[1.0]).loss(LABELS)
