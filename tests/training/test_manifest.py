import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kmlc.errors import UserError
from kmlc.files import write_json, write_text
from kmlc.training.manifest import NAME, now, read_manifest, verified, write_manifest

FINISHED = "2026-01-31T12:00:00.000001+00:00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run directory of one file."""
    write_text(tmp_path / "labels.json", '["a", "b"]\n')
    write_manifest(tmp_path, ["labels.json", "not_there.json"], now(), FINISHED)
    return tmp_path


def test_a_manifest_lists_the_files_that_there_are(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert list(manifest.files) == ["labels.json"]
    assert (manifest.finished, manifest.started < now()) == (FINISHED, True)
    assert verified(folder / "labels.json").read_text() == '["a", "b"]\n'


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: write_text(path, '["b", "a"]\n'), "changed since training wrote it"),
        (lambda path: write_text(path, ""), "changed since training wrote it"),
        (Path.unlink, "missing; expected the file that training wrote"),
        (replace_by_folder, "missing; expected the file that training wrote"),
        (replace_by_pipe, "missing; expected the file that training wrote"),
    ],
)
def test_a_damaged_file_is_one_line(damage: Callable[[Path], Any], said: str, folder: Path) -> None:
    """Only the weights had a checksum: a run whose labels.json was reversed predicted wrongly, exit 0."""
    damage(folder / "labels.json")
    with pytest.raises(UserError, match=f"^{re.escape(str(folder / 'labels.json'))}: {re.escape(said)}"):
        verified(folder / "labels.json")


def test_a_file_that_the_manifest_does_not_list_is_refused(folder: Path) -> None:
    write_json(folder / "not_there.json", 1)
    with pytest.raises(UserError, match=r"not_there\.json: changed since training wrote it"):
        verified(folder / "not_there.json")


@pytest.mark.parametrize(
    "change",
    [
        {"finished": 3},
        {"finished": "tomorrow"},
        {"finished": "2026-01-31"},
        {"started": None},
        {"files": ["labels.json"]},
        {"files": {"labels.json": 1}},
        {"more": 1},
    ],
)
def test_a_damaged_manifest_is_one_line(change: dict[str, Any], folder: Path) -> None:
    write_json(folder / NAME, json.loads((folder / NAME).read_text()) | change)
    with pytest.raises(UserError, match=rf"{NAME}: damaged; expected the list of a run's files \(") as raised:
        verified(folder / "labels.json")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{" * 100_000, b'{"files": 1'])
def test_a_manifest_that_is_no_json_object_is_one_line(content: bytes, folder: Path) -> None:
    (folder / NAME).write_bytes(content)
    with pytest.raises(UserError, match=rf"{NAME}: damaged; expected ") as raised:
        read_manifest(folder)
    assert "\n" not in str(raised.value)
