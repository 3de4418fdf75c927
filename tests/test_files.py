"""JSON files are read strictly; a damaged one is one line."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.files import check_writable, read_json, same_file, write_json, write_text
from tests.helpers import ROOT

PATH = os.environ | {"PYTHONPATH": str(ROOT)}


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


def test_json_that_no_memory_holds_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.touch()
    os.truncate(path, 10**9 + 1)
    with pytest.raises(UserError, match=r"metrics\.json: damaged; expected JSON \(more than 1,000,000,000 b"):
        read_json(path)


def test_a_link_is_followed_and_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    """`--out LINK` replaced the link by a file; the file it pointed to kept its old content."""
    target, link, dangling = (tmp_path / name for name in ("target.csv", "link.csv", "dangling.csv"))
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    dangling.symlink_to("new.csv")
    write_text(link, "new")
    write_text(dangling, "new")
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert target.read_text() == (tmp_path / "new.csv").read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 4


def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    """`--out /dev/null` as root replaced the device by a file; `--out >(gzip)` gave gzip nothing."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        check_writable(pipe)
        write_text(pipe, "ImageID,Labels\n")
        assert read.result(timeout=20) == "ImageID,Labels\n"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_the_file_that_output_goes_to_is_appended_to(tmp_path: Path) -> None:
    """`--out /dev/stdout >> FILE` replaced FILE, and lost what was in it."""
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    code = "import sys, pathlib; from kmlc.files import write_text; write_text(pathlib.Path('log.txt'), 'x')"
    with log.open("a") as stream:
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=PATH, stdout=stream, check=True)
    assert log.read_text() == "before\nx"


def test_one_file_under_several_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here, link, hard, other = map(Path, ("a.csv", "link.csv", "hard.csv", "other.csv"))
    link.symlink_to("a.csv")
    assert same_file(here, link)  # neither exists
    here.write_text("")
    other.write_text("")
    os.link(here, hard)
    for name in (here, link, hard, Path("./a.csv"), tmp_path / "x" / ".." / "a.csv"):
        assert same_file(name, here)
        with pytest.raises(UserError, match=r"csv: expected a file to write; got one that is read"):
            check_writable(name, inputs=[Path("no.csv"), here])
    assert not same_file(here, other)
    check_writable(other, inputs=[Path("no.csv"), here])


def test_the_file_that_a_process_prints_into_keeps_what_was_printed(tmp_path: Path) -> None:
    """The content was overwritten by what was printed later, because `>` does not append."""
    code = (
        "from pathlib import Path; from kmlc.files import write_text; print('before');"
        "write_text(Path('out.log'), 'content\\n'); print('after')"
    )
    with (tmp_path / "out.log").open("w") as log:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stdout=log, env=environment, check=True)
    assert (tmp_path / "out.log").read_text() == "before\ncontent\nafter\n"


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 251}.csv"
    write_text(path, "x")
    assert path.read_text() == "x"
    assert len(list(tmp_path.iterdir())) == 1
