"""Tests of JSON with a checksum."""

from pathlib import Path

import pytest

from kmlc.checksummed_json import read_checksummed, write_checksummed
from kmlc.errors import UserError
from kmlc.files import read_json, write_json

VALUE = {"trial": 3, "metrics": [0.1, None], "name": "é"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    write_checksummed(path, VALUE, "study 1")
    return path


def test_what_was_written_is_read(path: Path) -> None:
    assert read_checksummed(path, "study 1") == VALUE


def test_another_owners_file_is_refused(path: Path) -> None:
    with pytest.raises(UserError, match=r"state\.json: damaged, or from another place; .* its checksum$"):
        read_checksummed(path, "study 2")


@pytest.mark.parametrize("change", [{"trial": 4}, {"more": 1}, {"checksum": None}])
def test_changed_content_is_refused(path: Path, change: dict[str, object]) -> None:
    write_json(path, read_json(path, dict) | change)
    with pytest.raises(UserError, match=r"state\.json: damaged"):
        read_checksummed(path, "study 1")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"state\.json: no such file$"):
        read_checksummed(tmp_path / "state.json", "study 1")
