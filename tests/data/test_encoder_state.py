import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from kmlc.data.encoder_state import (
    SPECIAL_TOKENS,
    BertSizes,
    EncoderState,
    ImageBackbone,
    load_encoder_state,
    save_encoder_state,
)
from kmlc.errors import UserError

SIZES = BertSizes(30, 2, 2, 8, 16, 0.1, 12)
ARGUMENTS = {"image_shape": [None, None, 3], "use_bias": True, "activation": "relu", "ratios": [[0.25], []]}
BACKBONE = ImageBackbone("ResNetBackbone", ARGUMENTS, 224, (0.5, 1.0, 1e-9), (0.0, -2.5, 1.0))


@pytest.mark.parametrize(
    "state",
    [
        EncoderState(),
        EncoderState(feature_means=(1e30, -0.1), feature_deviations=(1e-300, 0.0)),
        EncoderState((*SPECIAL_TOKENS, "a", "zwölf")),
        EncoderState((*SPECIAL_TOKENS, "A"), lowercase=False, backbone=SIZES),
        EncoderState(SPECIAL_TOKENS, backbone=replace(SIZES, dropout=0)),
        EncoderState(terms=("bus", "红 bus"), idf=(1.0, 3.123456789012345)),
        EncoderState(image_backbone=BACKBONE),
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
        ({"vocabulary": ["[UNK]", "a"]}, "vocabulary: expected [PAD], [UNK], [CLS], [SEP], [MASK] among"),
        ({"vocabulary": [*SPECIAL_TOKENS, "a", "a"]}, "vocabulary: expected each word piece once"),
        ({"feature_means": 20}, "feature_means: expected list, got int"),
        ({"feature_means": [1.0]}, "feature_deviations: expected 1 as feature_means, got 0"),
        ({"feature_means": [1]}, "feature_means, feature_deviations: expected numbers with a decimal point"),
        ({"feature_deviations": ["1"]}, "feature_means, feature_deviations: expected numbers with a"),
        ({"feature_means": [0.0], "feature_deviations": [-0.5]}, "feature_deviations: expected 0 or more"),
        ({"terms": ["a", "a"]}, "terms: expected strings, each once"),
        ({"terms": ["a", 1]}, "terms: expected strings, each once"),
        ({"terms": ["a"]}, "idf: expected 1 as terms, got 0"),
        ({"terms": ["a"], "idf": [1]}, "idf: expected numbers above 0 with a decimal point"),
        ({"terms": ["a"], "idf": [0.0]}, "idf: expected numbers above 0 with a decimal point"),
        ({"idf": {}}, "idf: expected list, got dict"),
        ({"backbone": 3}, "backbone: expected dict, got int"),
        ({"backbone": {}}, "expected the keys vocabulary_size, num_layers"),
        ({"backbone": asdict(SIZES) | {"num_heads": True}}, "num_heads: expected int, got bool"),
        ({"backbone": asdict(SIZES) | {"num_layers": 0}}, "num_layers: expected 1 or more, got 0"),
        ({"backbone": asdict(SIZES) | {"num_heads": 3}}, "hidden_dim: expected a multiple of num_heads"),
        ({"backbone": asdict(SIZES) | {"dropout": 1.5}}, "dropout: expected a number from 0 to 1, got 1.5"),
        ({"image_backbone": {"name": "ViT"}}, "expected the keys name, arguments, size, scale, offset"),
        ({"image_backbone": asdict(BACKBONE) | {"name": None}}, "name: expected str, got NoneType"),
        ({"image_backbone": asdict(BACKBONE) | {"size": 0}}, "size: expected 1 or more, got 0"),
        ({"image_backbone": asdict(BACKBONE) | {"scale": [1.0]}}, "scale: expected 3 numbers with a decimal"),
        ({"image_backbone": asdict(BACKBONE) | {"offset": [1.0, 1.0, 1]}}, "offset: expected 3 numbers"),
        (
            {"image_backbone": asdict(BACKBONE) | {"arguments": {"activation": [{"class_name": "Lambda"}]}}},
            "arguments: activation: expected a string, number, boolean, null or lists of them",
        ),
        ({"words": []}, "expected the keys vocabulary, lowercase, backbone, feature_means, feature_dev"),
    ],
)
def test_wrong_value_ends_in_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "encoder.json"
    save_encoder_state(path, EncoderState((*SPECIAL_TOKENS, "a"), backbone=SIZES))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError) as raised:
        load_encoder_state(path)
    assert f"{path}: damaged" in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_state_of_an_older_run_has_neither_terms_nor_an_image_backbone(tmp_path: Path) -> None:
    path = tmp_path / "encoder.json"
    save_encoder_state(path, EncoderState((*SPECIAL_TOKENS, "a")))
    later = ("terms", "idf", "image_backbone")
    older = {key: value for key, value in json.loads(path.read_text()).items() if key not in later}
    path.write_text(json.dumps(older))
    assert load_encoder_state(path) == EncoderState((*SPECIAL_TOKENS, "a"))


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
