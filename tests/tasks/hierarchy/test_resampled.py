"""The metrics of a hierarchy on resamples are those of the rows that were drawn."""

import numpy as np
import pytest

from kmlc.objectives.bootstrap import resamples
from kmlc.tasks.evaluation import EvaluatedRows, evaluate_rows
from kmlc.tasks.hierarchy import METRICS
from tests.tasks.hierarchy.test_task import LABELS, LOGITS, task


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [0, 1], [3], [2, 2, 3]])
def test_metrics_are_those_of_the_repeated_rows(rows: list[int]) -> None:
    made, labels, logits = task(), LABELS[rows], LOGITS[rows]
    thresholds = {"superclass": -7.5, "subclass": -4.5}
    draws = np.concatenate([next(resamples(len(rows), 12, 0)), np.arange(len(rows))[None]])
    found = made.resampled(labels, logits, thresholds)(draws)
    assert set(found) == set(METRICS)
    for place, each in enumerate(draws):
        for name, value in made.metrics(labels[each], logits[each], thresholds).items():
            expected = np.nan if value is None else value
            np.testing.assert_allclose(found[name][place], expected, rtol=1e-12, err_msg=name)


def test_the_evaluation_has_classes_of_both_levels() -> None:
    rows = EvaluatedRows(
        task(), {"superclass": -7.5, "subclass": -4.5}, np.array(list("abcd")), LABELS, LOGITS
    )
    found = evaluate_rows(rows, [], 30, 0)
    assert rows.highlights == ("hierarchical_f1", "open_hierarchical_f1")
    names = ["superclass 0 bird", "superclass 1 dog", "subclass 0 pug", "subclass 2 jay", "subclass 3 owl"]
    assert [each.name for each in found.classes] == names
    assert [each.support for each in found.classes] == [2, 1, 1, 1, 0]
    assert found.metrics["superclass_auroc"].value == rows.metrics["superclass_auroc"]
