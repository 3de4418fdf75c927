"""JSON files are read strictly; a damaged one is one line."""

from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.files import read_json, write_json


@pytest.mark.parametrize(
    "value", [{}, [], None, "ä\U0001f600\u2028", {"a": [1, 2**64 - 1, -(2**63), 1e-300, True, {"b": None}]}]
)
def test_written_json_is_read_equal(value: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected JSON (Expecting value: line 1 column 1 (char 0))"),
        (b'{"a": 1', "expected JSON (Expecting ',' delimiter: line 1 column 8 (char 7))"),
        (b"[" * 100_000, "expected JSON; got too many nested values"),
        (b"[" + b"1" * 400 + b"]", "expected JSON (11111111111111111111… has more than 64 bits)"),
        (b"[" + b"1" * 5000 + b"]", "expected JSON (Exceeds the limit"),
        (b'{"a": 1, "b": {"a": 1, "a": 2}}', "expected JSON (the key 'a' is there twice)"),
        (b"[NaN]", "expected JSON (NaN is not a finite number)"),
        (b"[-Infinity]", "expected JSON (-Infinity is not a finite number)"),
        (b"[1e999]", "expected JSON (1e999 is not a finite number)"),
        (b'"\\ud800"', "expected JSON ('utf-8' codec can't encode"),
        (b"\xff\xfe{\x00}\x00", "expected JSON ('utf-8' codec can't decode"),
        (b"\x00" * 9, "expected JSON (Expecting value"),
    ],
)
def test_damaged_json_is_one_line_and_no_traceback(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        read_json(path)
    assert str(raised.value).startswith(f"{path}: damaged; {said}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "expected", "said"),
    [
        ("[1]", dict, "expected an object; got a list"),
        ("null", list, "expected a list; got null"),
        ('{"a": 1}', float, "expected a number; got an object"),
        ("3", dict, "expected an object; got a number"),
    ],
)
def test_another_type_is_one_line(content: str, expected: type, said: str, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(content)
    with pytest.raises(UserError, match=f"split.json: damaged; {said}$"):
        read_json(path, expected)


def test_a_missing_or_unreadable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"labels\.json: no such file$"):
        read_json(tmp_path / "labels.json")
    with pytest.raises(UserError, match="could not be read: Is a directory"):
        read_json(tmp_path)
