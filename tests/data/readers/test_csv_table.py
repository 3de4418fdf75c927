import csv
import errno
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kmlc.data.readers.csv_table import read_csv
from kmlc.errors import UserError
from tests.helpers import listed


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def rows(path: Path) -> list[tuple[str, ...]]:
    return list(zip(*read_csv(path, "Caption").columns.values(), strict=True))


def test_valid_csv_needs_no_repair(tmp_path: Path) -> None:
    path = write(
        tmp_path, 'ImageID,Labels,Caption\n0.jpg,1 3,"He said ""hi"", then left\nhome."\n1.png,2,bare\n'
    )
    table = read_csv(path, "Caption")
    assert listed(table) == {
        "ImageID": ["0.jpg", "1.png"],
        "Labels": ["1 3", "2"],
        "Caption": ['He said "hi", then left\nhome.', "bare"],
    }
    assert table.repaired == []


def test_unescaped_quotes_commas_and_line_breaks_are_repaired(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "ImageID,Labels,Caption\n"
        '0.jpg,1,"A sign reads "stop"."\n'
        '1.jpg,1 3,"Reads "a, b", then\nmore"\n'
        '2.jpg,2,"It says "no""\n'
        "3.jpg,2,no quotes, but a comma\n"
        '4.jpg,18,"plain"\n',
    )
    assert rows(path) == [
        ("0.jpg", "1", 'A sign reads "stop".'),
        ("1.jpg", "1 3", 'Reads "a, b", then\nmore'),
        ("2.jpg", "2", 'It says "no"'),
        ("3.jpg", "2", "no quotes, but a comma"),
        ("4.jpg", "18", "plain"),
    ]
    assert read_csv(path, "Caption").repaired == [0, 1, 2, 3]


def test_the_caption_may_come_before_other_columns(tmp_path: Path) -> None:
    path = write(tmp_path, 'ImageID,Caption,Labels\n0.jpg,"a "b", c",1 3\n')
    assert rows(path) == [("0.jpg", 'a "b", c', "1 3")]


def test_no_row_of_a_broken_table_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path, 'ImageID,Labels,Caption\nodd,1,"a "b""\n0.jpg\n1.jpg,1,"c "d""\n')
    table = read_csv(path, "Caption")
    assert table.columns["ImageID"].tolist() == ["odd", "0.jpg", "1.jpg"]
    assert table.unreadable == [1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings_are_detected(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "ImageID,Caption\r\n0.jpg,Ein Café\r\n", encoding)
    assert rows(path) == [("0.jpg", "Ein Café")]


def test_a_table_that_is_not_utf_8_is_listed(tmp_path: Path) -> None:
    path = write(tmp_path, "ImageID,Caption\n0.jpg,a\n1.jpg,Café\n", "cp1252")
    (finding,) = read_csv(path, "Caption").findings
    assert (finding.what, finding.rows) == ("table that is not UTF-8", ["line 3"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_line_shows_the_delimiter(tmp_path: Path, delimiter: str, encoding: str) -> None:
    """Tables of spreadsheets that write ; or tabs had one column, whose name was the header line."""
    text = 'ImageID,Labels,Caption\n0.jpg,1 3,"a b"\n'.replace(",", delimiter)
    assert rows(write(tmp_path, text, encoding)) == [("0.jpg", "1 3", "a b")]


def test_any_other_delimiter_is_a_setting(tmp_path: Path) -> None:
    path = write(tmp_path, "ImageID|Caption\n0.jpg|a, b\n1.jpg|c|d\n")
    table = read_csv(path, "Caption", delimiter="|")
    assert listed(table) == {"ImageID": ["0.jpg", "1.jpg"], "Caption": ["a, b", "c|d"]}
    for wrong in ("", "||", '"', "\n"):
        with pytest.raises(
            UserError, match=r"^table\.delimiter: expected auto or one character, no quote; got"
        ):
            read_csv(path, "Caption", delimiter=wrong)


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """A blank first line was an empty file, a line of spaces made valid CSV invalid."""
    assert rows(write(tmp_path, "\n \nImageID,Caption\n\n0.jpg,a\n  \n")) == [("0.jpg", "a")]


@pytest.mark.parametrize("place", [0, 1])
def test_fields_of_any_length(tmp_path: Path, place: int) -> None:
    """A header field of more than 131,072 characters was a traceback, as was a caption in a broken table."""
    long = "x" * 200_000
    lines = ["ImageID,Caption", "0.jpg,a"]
    lines[place] += long
    table = read_csv(write(tmp_path, "\n".join(lines)), "Caption")
    assert list(table.columns)[1] == "Caption" + long * (place == 0)
    assert next(iter(table.columns.values())).tolist() == ["0.jpg"]


def test_nul_bytes_are_characters(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "ImageID,Caption\n0\0.jpg,a\0b\n")) == [("0\0.jpg", "a\0b")]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"table\.csv: expected each column once; got 'Labels' twice$"):
        read_csv(write(tmp_path, "ImageID,Labels,Labels\n0.jpg,1,2\n"), "Caption")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "ImageID,Caption\n")
    monkeypatch.setattr(Path, "open", Mock(side_effect=OSError(errno.EIO, "Input/output error")))
    with pytest.raises(UserError, match=r"table\.csv: could not be read: Input/output error$"):
        read_csv(path, "Caption")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        read_csv(tmp_path / "none.csv", "Caption")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the file is empty"):
        read_csv(write(tmp_path, ""), "Caption")


def test_a_missing_column_is_an_error_with_the_columns(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "ImageID,Caption\n0.jpg,a\n"), "Caption")
    with pytest.raises(
        UserError,
        match=r"no column 'Labels' \(table\.label_column names it\); its columns are ImageID, Caption",
    ):
        table.column("Labels", "table.label_column")


def test_a_table_without_a_readable_record_is_an_error_with_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, "ImageID,Labels\nx,1,2\ny,one,two\n")
    with pytest.raises(UserError, match=r"line 2: expected 2 fields \(ImageID, Labels\), got 3"):
        read_csv(path, "Caption")


fields = (st.text(st.characters(codec="utf-8")) | st.text('a\r\n",;')).map(str.strip)


@given(st.lists(st.tuples(fields, fields), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
@example([("a\rb.jpg", "x\r\ny"), ("c\nd.jpg", "")], "\n")
def test_any_valid_csv_comes_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, str]], end: str
) -> None:
    """A carriage return inside quotes came back as a line feed."""
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerows([("ImageID", "Caption"), *written])
    assert rows(path) == written


def test_a_table_may_mix_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, 'ImageID,Caption\r0.jpg,a\n1.jpg,"b\r\nc"\r\n2.jpg,d\r3.jpg,e')
    assert rows(path) == [("0.jpg", "a"), ("1.jpg", "b\r\nc"), ("2.jpg", "d"), ("3.jpg", "e")]


# A caption as the competition writes it: in quotes, those inside not doubled. One that begins or ends with a
# comma or a quote beside the outer ones can be valid CSV with another meaning.
loose = st.from_regex(r'[a-z ]{1,5}("[a-z, ]{1,8}"[a-z., ]{1,5}){1,3}[a-z]', fullmatch=True)


@given(st.lists(loose, min_size=1, max_size=8))
def test_any_unescaped_quotes_come_back_as_a_person_reads_them(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    body = "".join(f'{number}.jpg,1 2,"{text}"\n' for number, text in enumerate(texts))
    path = write(tmp_path_factory.mktemp("csv"), "ImageID,Labels,Caption\n" + body)
    assert rows(path) == [(f"{number}.jpg", "1 2", text.strip()) for number, text in enumerate(texts)]
