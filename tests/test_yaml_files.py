"""YAML files hold plain data within bounds, and no key twice; all else is one line."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.yaml_files import MAX_BYTES, read_yaml, write_yaml

LEVELS = [["x"] * 9, *([f"*a{level}"] * 9 for level in range(8))]
BOMB = f"a: [{', '.join(f'&a{level} [{chr(44).join(values)}]' for level, values in enumerate(LEVELS))}]"
"""387,420,489 values in 300 bytes: a billion laughs."""


def error_of(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        read_yaml(path)
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seed: 1\nrun: x\nseed: 2", "line 3: the key seed is there twice"),
        ("train:\n  epochs: 3\n  epochs: 4", "line 3: the key epochs is there twice"),
        ("1: 2", "line 1: expected a string as key; got 1 (quotes make it a string)"),
        ("on: 2", "line 1: expected a string as key; got on"),
        ("~: 2", "line 1: expected a string as key; got ~"),
        ("? [a]\n: 2", "line 1: expected a string as key; got a list or a mapping"),
        ("a: 1\n---\na: 2", "line 2: but found another document"),
        (
            "a: !!python/object/apply:os.system [id]",
            "line 1: expected plain values; got the tag !!python",
        ),
        ("a: !!binary aGk=", "line 1: expected plain values; got the tag !!binary"),
        ("a: !!timestamp x", "line 1: expected plain values; got the tag !!timestamp"),
        ("a: !mine x", "line 1: expected plain values; got the tag !mine"),
        ("a: !!bool x", "'x'"),
        ("a: !!int ''", "string index out of range"),
        ("a: !!float abc", "could not convert string to float: 'abc'"),
        ("a:\n\tb: 1", "line 2: found character '\\t' that cannot start any token"),
        ("a: [", "line 1: expected the node content"),
        ("a: *b", "line 1: found undefined alias 'b'"),
        ("[" * 100_000, "too many nested values"),
        ("{a: " * 3000, "too many nested values"),
        ("a: " + "9" * 5000, "Exceeds the limit (4300 digits)"),
        (BOMB, "line 1: more than 200,000 values, with each alias (*name) written out"),
        ("a: &a [*a]", "line 1: more than 200,000 values"),
        ("a: 1".encode("utf-16"), "'utf-8' codec can't decode byte 0xff"),
        ("a: 1".encode("utf-16-le"), "unacceptable character #x0000"),
        (b"\0", "unacceptable character #x0000"),
        (b"a: \xe9", "'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_plain_data_is_one_line(content: str | bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    started = time.process_time()
    assert error_of(path).startswith(f"{path}: not a YAML file of settings: {said}")
    assert time.process_time() - started < 10


def test_the_length_is_bounded_for_files_without_an_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=_fill, args=(pipe,))
    writer.start()
    assert error_of(pipe) == f"{pipe}: expected a YAML file of up to {MAX_BYTES:,} bytes; got a longer one"
    writer.join()


def _fill(pipe: Path) -> None:
    with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"#" * 100_000)


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(UserError, match=r"config\.yaml: expected settings of up to 1,000,000 bytes"):
        write_yaml(path, {"vocabulary": ["x" * 10] * 100_000})
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 2020-01-01", {"a": "2020-01-01"}),
        ("a: 2020-99-99", {"a": "2020-99-99"}),
        ("a: =", {"a": "="}),
        ("a: &b [1]\nc: *b", {"a": [1], "c": [1]}),
        ("a: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3", {"a": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}}),
    ],
)
def test_plain_data_is_read(text: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_yaml(path) == value


def test_a_missing_or_unreadable_file_is_one_line(tmp_path: Path) -> None:
    assert error_of(tmp_path / "x.yaml").endswith("x.yaml: no such file; expected a YAML file of settings")
    assert error_of(tmp_path).endswith("could not be read: Is a directory")
