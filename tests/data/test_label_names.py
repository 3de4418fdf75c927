import re
from pathlib import Path

import pytest

from kmlc.config import LabelsConfig
from kmlc.data.label_names import read_names
from kmlc.errors import UserError


def test_a_label_may_be_repeated_with_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "label_names.csv"
    path.write_text("Label,Name\n1,person\n2,car\n1,person\n")
    assert read_names(path, LabelsConfig(), "integer") == {"1": "person", "2": "car"}


def test_a_label_with_two_names_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "label_names.csv"
    path.write_text("Label,Name\n1,person\n2,car\n1,human\n")
    expected = f"{path}: label '1': expected one name; got 'person' and 'human'"
    with pytest.raises(UserError, match=f"^{re.escape(expected)}$"):
        read_names(path, LabelsConfig(), "integer")


@pytest.mark.parametrize("entry", ["01", "1.0", "1"])
def test_a_label_may_be_written_in_any_way_that_a_table_may(tmp_path: Path, entry: str) -> None:
    """The name of 01 was never that of the label 1."""
    path = tmp_path / "label_names.csv"
    path.write_text(f"Label,Name\n{entry},person\nnone,nothing\n")
    assert read_names(path, LabelsConfig(), "integer") == {"1": "person", "none": "nothing"}
    assert read_names(path, LabelsConfig(), "name") == {entry: "person", "none": "nothing"}


def test_an_unreadable_row_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "label_names.csv"
    path.write_text("Label,Name\n1,person\n2\n3,dog\n")
    with pytest.raises(UserError, match=r"label_names\.csv: label '2': expected a label and a name$"):
        read_names(path, LabelsConfig(), "integer")
