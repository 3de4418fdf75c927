import numpy as np

from kmlc.tasks.hierarchy.plots import confusion, novelty


def test_each_cell_has_its_count_and_its_share_of_the_true_class() -> None:
    (axes,) = confusion(np.array([[3, 1, 0], [0, 1200, 0], [0, 0, 0]]), ["bird", "dog", "novel"]).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["3\n75.0%", "1\n25.0%", "0\n0.0%", "0\n0.0%", "1,200\n100.0%", "0\n0.0%"]
    # No row is truly novel.
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bird", "dog"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["bird", "dog", "novel"]


def test_the_legend_says_how_many_rows_pass_and_how_many_are_detected() -> None:
    scores = {"subclass": (np.array([0.1, 0.2, 0.3, 0.9]), np.array([0.4, 0.8]), 0.5)}
    (axes,) = novelty(scores).axes
    assert axes.get_title() == "Novelty of the subclass"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "known: 4 rows, 75% pass",
        "novel: 2 rows, 50% detected",
        "threshold",
    ]
