import numpy as np

from kmlc.data.columns import strings
from kmlc.tasks.slices import AT_MOST, Slice, by_column, by_label_count, by_presence


def places(slices: list[Slice]) -> dict[str, list[int]]:
    return {each.value: each.rows.tolist() for each in slices}


def test_rows_with_and_without() -> None:
    found = by_presence("caption", np.array([True, False, True]))
    assert {each.by for each in found} == {"caption"}
    assert places(found) == {"without": [1], "with": [0, 2]}


def test_a_value_that_all_rows_have_is_no_slice() -> None:
    assert by_presence("image", np.ones(3, bool)) == []
    assert by_column("source", strings(["web", "web"])) == []
    assert by_label_count(np.ones((4, 2), np.uint8)) == []


def test_rows_by_their_number_of_labels() -> None:
    labels = np.tri(7, 6, -1, np.uint8)[[0, 2, 4, 5, 6, 0]]
    assert places(by_label_count(labels)) == {"0": [0, 5], "2": [1], "4+": [2, 3, 4]}


def test_each_value_of_a_column_most_frequent_first() -> None:
    found = places(by_column("source", strings(["web", "print", "", "web"])))
    assert found == {"web": [0, 3], "(empty)": [2], "print": [1]}
    assert list(found) == ["web", "(empty)", "print"]


def test_rare_values_share_a_slice() -> None:
    cells = ["a", "a", *(f"b{number:02}" for number in range(AT_MOST + 4))]
    found = by_column("source", strings(cells))
    assert len(found) == AT_MOST + 1
    assert found[0].value == "a"
    assert (found[-1].value, len(found[-1].rows)) == ("5 other values", 5)
    assert sorted(np.concatenate([each.rows for each in found])) == list(range(len(cells)))


def test_few_different_numbers_are_values() -> None:
    assert places(by_column("stars", strings(["1", "5", "1"]))) == {"1": [0, 2], "5": [1]}


def test_many_numbers_are_cut_at_their_quartiles() -> None:
    found = places(by_column("width", strings([*map(str, range(100, 0, -1)), ""])))
    assert {value: len(rows) for value, rows in found.items()} == {
        "from 1 to 25": 25,
        "above 25 to 50": 25,
        "above 50 to 75": 25,
        "above 75 to 100": 25,
        "(empty)": 1,
    }
    assert found["from 1 to 25"] == list(range(75, 100))


def test_quartiles_that_are_equal_are_one_cut() -> None:
    cells = ["0"] * 60 + [str(number) for number in range(1, 21)]
    found = places(by_column("width", strings(cells)))
    assert {value: len(rows) for value, rows in found.items()} == {"from 0 to 0": 60, "above 0 to 20": 20}


def test_quartiles_of_numbers_that_differ_late_are_four() -> None:
    """The names had six digits and were equal: 28 days were two slices."""
    found = by_column("date", strings(str(20240101 + day) for day in range(28)))
    assert [(each.value, len(each.rows)) for each in found] == [
        ("from 20240101 to 20240107", 7),
        ("above 20240107 to 20240114", 7),
        ("above 20240114 to 20240121", 7),
        ("above 20240121 to 20240128", 7),
    ]


def test_quartiles_with_equal_names_are_slices_each() -> None:
    cells = [repr(1 + number * 2.0**-52) for number in range(20)]
    found = by_column("width", strings(cells))
    assert [len(each.rows) for each in found] == [5, 5, 5, 5]


def test_infinity_is_no_number() -> None:
    cells = [*map(str, range(20)), "inf"]
    assert by_column("width", strings(cells))[-1].value == "11 other values"
