"""JSON files with a checksum over content and owner: one that is damaged or another owner's is refused."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kmlc.errors import UserError
from kmlc.files import read_json, write_json


def write_checksummed(path: Path, value: Mapping[str, Any], owner: str) -> None:
    """Write an object as JSON, with a checksum over it and its owner.

    Args:
        path: the file.
        value: what JSON can hold, with strings as keys.
        owner: what the file belongs to, such as the id of a study.
    """
    write_json(path, {**value, "checksum": _checksum(value, owner)})


def read_checksummed(path: Path, owner: str) -> dict[str, Any]:
    """Return what `write_checksummed` wrote for this owner.

    The checksum is against accidents: anyone can compute it.

    Raises:
        UserError: if the file is missing, damaged or another owner's.

    Example:
        write_checksummed(Path("state.json"), {"trial": 3}, "study 1")
        read_checksummed(Path("state.json"), "study 1")  # {"trial": 3}
    """
    value = dict(read_json(path, dict))
    if value.pop("checksum", None) != _checksum(value, owner):
        raise UserError(f"{path}: damaged, or from another place; its content does not match its checksum")
    return value


def _checksum(value: Mapping[str, Any], owner: str) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(f"{owner}\n{text}".encode()).hexdigest()
