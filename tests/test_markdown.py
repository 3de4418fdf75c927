import pytest

from kmlc.markdown import format_number, metric_title


@pytest.mark.parametrize(
    ("metric", "title"),
    [("micro_f1", "micro F1"), ("macro_map", "macro mAP"), ("val_loss", "val loss"), ("f1", "F1")],
)
def test_metric_titles_keep_the_case_of_abbreviations(metric: str, title: str) -> None:
    assert metric_title(metric) == title


def test_numbers_have_four_decimals_integers_commas_and_none_a_dash() -> None:
    assert [format_number(value) for value in (0.5, 12345, None)] == ["0.5000", "12,345", "-"]
