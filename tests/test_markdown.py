import pytest

from kmlc.markdown import code, counted, escape, format_number, markdown_table, metric_title


@pytest.mark.parametrize(
    ("metric", "title"),
    [("micro_f1", "micro F1"), ("macro_map", "macro mAP"), ("val_loss", "val loss"), ("f1", "F1")],
)
def test_metric_titles_keep_the_case_of_abbreviations(metric: str, title: str) -> None:
    assert metric_title(metric) == title


def test_numbers_have_four_decimals_integers_commas_and_none_a_dash() -> None:
    assert [format_number(value) for value in (0.5, 12345, None)] == ["0.5000", "12,345", "-"]


def test_one_of_a_kind_is_in_the_singular() -> None:
    """Messages spoke of "1 rows"."""
    assert [counted(number, "row") for number in (0, 1, 1400)] == ["0 rows", "1 row", "1,400 rows"]
    assert [counted(number, "class", "classes") for number in (1, 2)] == ["1 class", "2 classes"]


def test_a_bar_or_a_line_break_in_a_cell_stays_in_it() -> None:
    """A label `a|b` made the row one cell longer, a line break ended the table."""
    table = markdown_table(["label", "n|m"], [["a|b", "1"], ["c\n\nd", "2"]])
    assert table.splitlines() == ["| label | n\\|m |", "| --- | ---: |", "| a\\|b | 1 |", "| c d | 2 |"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("traffic light", "traffic light"),
        ("fire_hydrant", "fire_hydrant"),
        ("<img src=x>", r"\<img src=x\>"),
        ("![x](http://y/z.png)", r"!\[x\](http://y/z.png)"),
        ("*a* `b` &lt; \\", r"\*a\* \`b\` \&lt; \\"),
        ("\x1b[31mred\x07", r"\\x1b\[31mred\\x07"),
        ("a\r\n b", "a b"),
    ],
)
def test_strings_from_data_bring_no_markup(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b", "`a*b`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("``a", "``` ``a ```"),
        ("\x1b[0m", "`\\x1b[0m`"),
    ],
)
def test_code_may_hold_backticks(text: str, shown: str) -> None:
    assert code(text) == shown
