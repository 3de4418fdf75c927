import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.data.readers.csv_table import read_csv
from kmlc.errors import UserError


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
    assert table.columns == {
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
    assert table.columns["ImageID"] == ["odd", "0.jpg", "1.jpg"]
    assert table.unreadable == [1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings_are_detected(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "ImageID,Caption\r\n0.jpg,Ein Café\r\n", encoding)
    assert rows(path) == [("0.jpg", "Ein Café")]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        read_csv(tmp_path / "none.csv", "Caption")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the file is empty"):
        read_csv(write(tmp_path, ""), "Caption")


def test_a_missing_column_is_an_error_with_the_columns(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "ImageID,Caption\n0.jpg,a\n"), "Caption")
    with pytest.raises(
        UserError, match=r"no column 'Labels'; its columns are ImageID, Caption.*--table\.label_column"
    ):
        table.column("Labels", "table.label_column")


def test_a_broken_table_without_image_names_is_an_error_with_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, "ImageID,Caption\nx,good\ny,one,two\n")
    with pytest.raises(UserError, match=r"line 3: expected 2 fields .*, got 3"):
        read_csv(path, "Caption")


captions = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40).map(str.strip)


@given(st.lists(captions, min_size=1, max_size=8))
def test_any_valid_csv_comes_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(["ImageID", "Caption"])
        writer.writerows([f"{number}.jpg", text] for number, text in enumerate(texts))
    assert rows(path) == [(f"{number}.jpg", text) for number, text in enumerate(texts)]


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
