"""The task of systems 1, 2, 3 and 5 on rows whose answers can be read off the logits."""

import numpy as np
import pandas as pd
import pytest

from kmlc.config import Config, LossConfig, ThresholdsConfig
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.tasks.multilabel.task import Multilabel

VOCABULARY = Vocabulary(("1", "3", "18"), ("person", "car", "dog"))
LOGITS = np.array([[2.0, -2, 2], [-1, -2, -3]], np.float32)
HALF = dict.fromkeys(VOCABULARY.labels, 0.5)


def task(no_label: str = "none") -> Multilabel:
    return Multilabel(Config(thresholds=ThresholdsConfig("fixed", no_label=no_label)), VOCABULARY)


@pytest.mark.parametrize(
    ("no_label", "cell"), [("none", ""), ("top1", "1"), ("3", "3"), ("03", "3"), ("3.0", "3")]
)
def test_the_rule_for_rows_without_a_label(no_label: str, cell: str) -> None:
    """`03`, which is the label 3 in tables and vocabularies, was refused."""
    submission = task(no_label).submission(["a.jpg", "b.jpg"], LOGITS, HALF)
    pd.testing.assert_frame_equal(
        submission, pd.DataFrame({"ImageID": ["a.jpg", "b.jpg"], "Labels": ["1 18", cell]})
    )


def test_a_rule_that_names_no_label_is_an_error() -> None:
    with pytest.raises(
        UserError, match=r"thresholds\.no_label: expected none, top1 or one of 1, 3, 18; got 7"
    ):
        task("7")


def test_the_loss_of_another_task_is_an_error() -> None:
    config = Config(loss=LossConfig("hierarchical"))
    with pytest.raises(UserError, match=r"loss\.name: expected one of bce, .*; got hierarchical"):
        Multilabel(config, VOCABULARY).loss(np.eye(3))


def test_thresholds_are_named_by_their_labels() -> None:
    assert task().fit(np.array([[1, 0, 1], [0, 0, 0]]), LOGITS) == HALF


def test_a_row_explained() -> None:
    assert task().explain(LOGITS[1:], HALF) == [
        "1 person  0.269",
        "3 car     0.119",
        "18 dog    0.047",
        "Labels: none",
    ]


def test_all_labels_have_one_panel() -> None:
    assert task().label_panels({"1 person": 3}) == {"label": {"1 person": 3}}
