import numpy as np
import pandas as pd
import pytest

from kmlc.objectives.metrics import per_class
from kmlc.tasks.multilabel.plots import per_class_f1, precision_recall


def test_the_area_under_each_precision_recall_curve_is_its_average_precision() -> None:
    """If the first rows are false positives, a line along the axis once looked like a part of the curve."""
    rng = np.random.default_rng(0)
    labels, scores = (rng.random((60, 4)) < 0.3).astype(np.uint8), rng.random((60, 4)).round(1)
    labels[:, 3] = 0
    labels[scores[:, 0].argsort()[-20:], 0] = 0
    classes = pd.DataFrame(per_class(labels, scores, scores >= 0.5)).astype(object)
    classes.insert(0, "class", ["cat", "dog", "horse", "none"])
    figure = precision_recall(classes, labels, scores, {"validation": 0.51234, "test": None})
    assert figure.get_suptitle().endswith("\nmacro mAP: validation 0.5123, test -")
    for axes, (_, each) in zip(figure.axes[:3], classes.iterrows(), strict=False):
        recall, precision = map(np.asarray, axes.lines[0].get_data())
        assert -np.sum(np.diff(recall) * precision[:-1]) == pytest.approx(each["average_precision"])
        assert np.count_nonzero(recall == 0) == 1
        assert axes.get_title() == f"{each['class']}\nAP {each['average_precision']:.2f}"
        assert axes.lines[1].get_data() == ([each["recall"]], [each["precision"]])
    assert [text.get_text() for text in figure.axes[3].texts] == ["no rows"]


def test_bars_of_both_splits_in_the_order_of_the_first() -> None:
    classes = pd.DataFrame(
        {"class": ["cat", "dog"], "val_f1": [0.9, 0.4], "test_f1": [0.2, 0.7], "support": [5, 1000]},
        dtype=object,
    )
    macro_map = {"validation": 0.75, "test": 0.5}
    (axes,) = per_class_f1(classes, ["val_f1", "test_f1"], macro_map).axes
    assert axes.get_title().endswith("\nmacro mAP: validation 0.7500, test 0.5000")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dog  (n=1,000)", "cat  (n=5)"]
    bars = [[bar.get_width() for bar in split] for split in axes.containers]
    assert bars == [[0.4, 0.9], [0.7, 0.2]]
    assert [split.get_label() for split in axes.containers] == ["validation", "test"]
