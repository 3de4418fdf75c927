import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kmlc.data.encoder_state import BertSizes, EncoderState, load_encoder_state, save_encoder_state
from kmlc.errors import UserError

SIZES = BertSizes(30, 2, 2, 8, 16, 0.1, 12)


@pytest.mark.parametrize(
    "state",
    [
        EncoderState(),
        EncoderState(features=20),
        EncoderState(("[PAD]", "a", "zwölf")),
        EncoderState(("[PAD]", "A"), lowercase=False, backbone=SIZES),
        EncoderState(("[PAD]",), backbone=replace(SIZES, dropout=0)),
    ],
)
def test_state_is_read_back_equal(state: EncoderState, tmp_path: Path) -> None:
    save_encoder_state(tmp_path / "encoder.json", state)
    assert load_encoder_state(tmp_path / "encoder.json") == state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": "abc"}, "vocabulary: expected list, got str"),
        ({"vocabulary": ["a", 1]}, "vocabulary: expected strings"),
        ({"lowercase": 1}, "lowercase: expected bool, got int"),
        ({"features": "20"}, "features: expected int, got str"),
        ({"features": True}, "features: expected int, got bool"),
        ({"backbone": 3}, "backbone: expected dict, got int"),
        ({"backbone": {}}, "expected the keys vocabulary_size, num_layers"),
        ({"words": []}, "expected the keys vocabulary, lowercase, backbone, features"),
    ],
)
def test_wrong_value_ends_in_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "encoder.json"
    save_encoder_state(path, EncoderState(("a",), backbone=SIZES))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError) as raised:
        load_encoder_state(path)
    assert f"{path}: damaged" in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b'{"vocabulary": ["a"', b"[]", b"\xff\xfe", b"{}"])
def test_damaged_file_ends_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "encoder.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"encoder\.json: damaged; expected ") as raised:
        load_encoder_state(path)
    assert "\n" not in str(raised.value)


def test_missing_file_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"encoder\.json: no such file"):
        load_encoder_state(tmp_path / "encoder.json")
