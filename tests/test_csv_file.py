"""CSV files are read as they were written, by Python's own reader and by pandas."""

import csv

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kmlc.csv_file import write_csv

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text('a \r\n",;')


@given(names=st.lists(texts, min_size=1, max_size=5), share=st.floats(0, 1))
@example(["a\rb.jpg", "\r", 'c"\r\n,d'], 0.5)
def test_written_csv_is_read_equal(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], share: float
) -> None:
    """A name with a carriage return was not quoted: it was two lines for pandas, and an error for csv."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    whole = pd.DataFrame({"Name": names, "Share": share})
    write_csv(path, whole)
    with path.open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream, strict=True)) == [
            ["Name", "Share"],
            *([name, repr(share)] for name in names),
        ]
    table = pd.read_csv(path, keep_default_na=False, dtype={"Name": str}, float_precision="round_trip")
    assert (table["Name"].tolist(), set(table["Share"])) == (names, {share})
    parts = path.with_name("parts.csv")
    write_csv(parts, lambda: [whole[:1], whole[1:]] if len(whole) > 1 else [whole])
    assert parts.read_bytes() == path.read_bytes()
