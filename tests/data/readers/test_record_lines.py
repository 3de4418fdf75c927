"""Where records begin is learned from the table itself; no line is lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.data.readers.csv_table import read_csv
from kmlc.data.readers.record_lines import RecordLayout, shape
from kmlc.data.readers.table import Table
from tests.helpers import findings_of, listed


def read(folder: Path, *lines: str) -> Table:
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_csv(path, "Caption")


def test_names_of_any_form_begin_records_in_a_broken_table(tmp_path: Path) -> None:
    """Only lines with a known image suffix began a record; 1.tif, 17 and "3.jpg ," were swallowed."""
    table = read(
        tmp_path,
        "ImageID,Caption",
        '0.jpg,"He said "hi""',
        '1.tif,"dog"',
        '2.jpg,"x"',
        '3.jpg ,"y"',
        '17,"no suffix"',
        'a,b.jpg,"a comma in the name"',
        '"c,d.jpg","and in quotes"',
        '4.jpg,"z"',
    )
    names = ["0.jpg", "1.tif", "2.jpg", "3.jpg", "17", "a,b.jpg", "c,d.jpg", "4.jpg"]
    captions = ['He said "hi"', "dog", "x", "y", "no suffix", "a comma in the name", "and in quotes", "z"]
    assert listed(table) == {"ImageID": names, "Caption": captions}


def test_lines_that_could_be_read_in_another_way_are_listed(tmp_path: Path) -> None:
    regular = [f'{number}.jpg,"x"' for number in range(200)]
    table = read(
        tmp_path,
        "ImageID,Caption",
        *regular,
        '200.jpg,"a "b" c',
        '201.jpg,"d"',
        '202.jpg,"so "he"',
        "went, too",
    )
    assert len(table) == 203
    assert table.columns["Caption"][-1] == '"so "he"\nwent, too'
    assert findings_of(table.findings) == {
        "line that may be part of the record before": ['line 203: 201.jpg,"d"'],
        "line that may begin a record": ["line 205: went, too"],
    }


def test_a_line_like_a_record_inside_a_quoted_field_is_listed(tmp_path: Path) -> None:
    """The second line was swallowed without a word: by accident the table is valid CSV."""
    lines = ["ImageID,Caption", '0.jpg,"x""', '1.jpg,""y"', '2.jpg,"one', 'two, three"']
    table = read(tmp_path, *lines)
    assert table.columns["ImageID"].tolist() == ["0.jpg", "2.jpg"]
    assert findings_of(table.findings) == {"line like a record inside a quoted field": ['line 3: 1.jpg,""y"']}
    forced = read_csv(table.path, "Caption", one_record_per_line=True)
    assert forced.columns["ImageID"].tolist() == ["0.jpg", "1.jpg", "2.jpg", "two"]


def test_labels_in_quotes_are_not_cut_at_their_commas(tmp_path: Path) -> None:
    """Repair cut "cat,dog" into two fields and invented the label `"cat`."""
    table = read(tmp_path, "ImageID,Labels,Caption", '0.jpg,"cat,dog","a "b", c"', '1.jpg,cat,"x"')
    assert table.columns["Labels"].tolist() == ["cat,dog", "cat"]
    assert table.columns["Caption"].tolist() == ['a "b", c', "x"]
    table = read(tmp_path, "ImageID,Caption,Labels", '0.jpg,"a "b", c","cat,dog"', '1.jpg,"x",cat')
    assert table.columns["Labels"].tolist() == ["cat,dog", "cat"]
    assert table.columns["Caption"].tolist() == ['a "b", c', "x"]


def test_an_unreadable_record_keeps_its_name_in_any_column(tmp_path: Path) -> None:
    table = read(tmp_path, "Labels,ImageID,Caption", '1,0.jpg,"a "b" c"', "3,1.jpg", '1,2.jpg,"x"')
    assert table.columns["ImageID"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert table.unreadable == [1]


def test_a_caption_may_come_first(tmp_path: Path) -> None:
    """Its commas and quotes cut it into other columns: names were lost, and rows of more than one line."""
    table = read(
        tmp_path,
        "Caption,Labels,ImageID",
        '"A sign reads "stop", then',
        'more",1 3,0.jpg',
        "no quotes, but a comma,2,1.tif",
        '"He said "hi"","cat,dog","c,d.jpg"',
        '"x",18,a,b.jpg',
        '"plain",1,4.jpg',
    )
    assert listed(table) == {
        "Caption": [
            'A sign reads "stop", then\nmore',
            "no quotes, but a comma",
            'He said "hi"',
            "x",
            "plain",
        ],
        "Labels": ["1 3", "2", "cat,dog", "18", "1"],
        "ImageID": ["0.jpg", "1.tif", "c,d.jpg", "a,b.jpg", "4.jpg"],
    }
    assert table.repaired == [0, 1, 2, 3]


def test_a_record_whose_caption_is_first_keeps_its_name(tmp_path: Path) -> None:
    table = read(tmp_path, "Caption,Labels,ImageID", '"a "b" c",1,0.jpg', "3,1.jpg", "", '"x",2,2.jpg')
    assert table.columns["ImageID"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert table.columns["Labels"].tolist() == ["1", "3", "2"]
    assert table.unreadable == [1]


def test_a_line_like_a_record_inside_a_caption_that_is_first_is_listed(tmp_path: Path) -> None:
    lines = ['"x"",0.jpg', '""y",1.jpg', '"one', 'two",2.jpg']
    table = read(tmp_path, "Caption,ImageID", *lines)
    assert table.columns["ImageID"].tolist() == ["1.jpg", "2.jpg"]
    assert findings_of(table.findings) == {"line like a record inside a quoted field": ['line 2: "x"",0.jpg']}


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("img_12.jpg", "photo_7.tif", True),
        ("12.jpg", "12", False),
        ("12.jpg", "a.jpg", False),
        ("so", "so he", False),
    ],
)
def test_shapes(name: str, other: str, same: bool) -> None:
    assert (shape(name) == shape(other)) is same


def test_a_record_with_too_few_fields_is_not_cut() -> None:
    assert RecordLayout(",", 2, 1).cut('0.jpg,"a"') is None


inside = st.text("ab ,.!", max_size=8)
quotes = st.tuples(inside, inside, inside).map('{0[0]}w"{0[1]}w"{0[2]}w'.format)
"""A caption with a word in quotes that are not doubled; no quote beside a comma, a quote or an end."""
captions = st.one_of(inside.map("w{}w".format), quotes.map("w{}".format))
broken = st.lists(captions, min_size=1, max_size=3).map("\n".join)
suffixes = st.sampled_from([".jpg", ".tif", ".JPEG", ".x"])


@given(st.lists(st.tuples(suffixes, broken), min_size=2, max_size=12), st.booleans(), st.booleans())
def test_every_record_of_a_broken_table_comes_back_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], labelled: bool, first: bool
) -> None:
    """Whatever the suffixes, and whatever commas, quotes and line breaks the captions have."""
    names = [f"{number}{suffix}" for number, (suffix, _) in enumerate(rows)]
    # The drawn captions have no quote after a comma, which could begin a field; backwards, none before one.
    captions = [text[::-1] if first else text for _, text in rows]
    cells = [[f'"{text}"', *["1 3"] * labelled, name] for name, text in zip(names, captions, strict=True)]
    lines = [["Caption", *["Labels"] * labelled, "ImageID"], *cells]
    table = read(tmp_path_factory.mktemp("csv"), *[",".join(line if first else line[::-1]) for line in lines])
    assert table.columns["ImageID"].tolist() == names
    assert table.columns["Caption"].tolist() == [text.strip() for text in captions]


@pytest.mark.parametrize(
    ("header", "begin", "end"),
    [
        ("ImageID,Caption", '0.jpg,"a "b" c"', '1.jpg,"x"'),
        ("Caption,ImageID", '"a "b" c",0.jpg', '"x",1.jpg'),
    ],
)
@given(lines=st.lists(st.text('ab1.," \n', max_size=20), min_size=1, max_size=8))
def test_no_line_of_any_table_is_lost(
    tmp_path_factory: pytest.TempPathFactory, header: str, begin: str, end: str, lines: list[str]
) -> None:
    """Every character that is not syntax is in some field, or its record is listed as unreadable."""
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    path.write_text("\n".join([header, begin, *lines, end]))
    table = read_csv(path, "Caption")
    for letter in "ab1":
        values = "".join(value for values in table.columns.values() for value in values)
        written = "".join(lines).count(letter) + (begin + end).count(letter)
        assert values.count(letter) == written or table.unreadable


def test_records_of_another_shape_without_quotes_are_not_lost(tmp_path: Path) -> None:
    """Both lines became part of the caption before, the second one silently."""
    regular = [f'{number}.jpg,1 3,"A "person" here."' for number in range(30)]
    table = read(
        tmp_path, "ImageID,Labels,Caption", *regular, "noext,1,x", "~/x.jpg,1,y", '40.jpg,3,"a "b" c"'
    )
    assert len(table) == 33
    assert table.columns["ImageID"][-3:].tolist() == ["noext", "~/x.jpg", "40.jpg"]
    assert table.columns["Caption"][-4:].tolist() == ['A "person" here.', "x", "y", 'a "b" c']


def test_a_line_of_a_caption_that_looks_like_a_record_is_listed(tmp_path: Path) -> None:
    """It became a record without a word."""
    lines = [f'{number}.jpg,1,"A "p" b"' for number in range(9)]
    lines[5] = '5.jpg,1,"A "p"\n105.jpg,1 3,hello"'
    table = read(tmp_path, "ImageID,Labels,Caption", *lines)
    assert len(table) == 10
    (finding,) = table.findings
    assert (finding.what, finding.action) == (
        "line that may be part of the record before",
        "read as a record",
    )
    assert finding.rows == ['line 8: 105.jpg,1 3,hello"']
