from dataclasses import replace
from pathlib import Path

import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from kmlc.config import CaptionsConfig, Config, FusionConfig, TowerConfig
from kmlc.data.caption_encoders import caption_encoder, fit_captions
from kmlc.data.encoder_state import BertSizes, EncoderState
from kmlc.errors import UserError
from kmlc.models.build import build_model, load_pretrained

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "bus", "##es")


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny KerasHub preset in a local folder."""
    folder = tmp_path_factory.mktemp("preset")
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=12,
    )
    backbone.save_to_preset(str(folder))
    keras_hub.tokenizers.BertTokenizer(vocabulary=list(VOCABULARY), lowercase=True).save_to_preset(
        str(folder)
    )
    return folder


def settings(preset: str, **captions: object) -> Config:
    return Config(
        tower=TowerConfig("none"),
        captions=CaptionsConfig("bert", preset=preset, sequence_length=8, **captions),  # type: ignore[arg-type]
        fusion=FusionConfig(hidden_dim=4),
    )


def test_local_preset_is_loaded(preset: Path) -> None:
    config = settings(str(preset), pooling="first")
    state = fit_captions(config.captions, [])
    assert state == EncoderState(VOCABULARY, True, BertSizes(len(VOCABULARY), 2, 2, 8, 16, 0.1, 12))
    model = build_model(config, {"logits": 3}, state)
    load_pretrained(model, config)
    inputs = caption_encoder(config.captions, state)(tf.constant(["A dog", "buses"]))
    theirs = keras_hub.models.BertBackbone.from_preset(str(preset))(inputs)["sequence_output"]
    np.testing.assert_allclose(model.get_layer("bert").model(inputs), theirs, atol=1e-6)


def test_missing_preset_ends_in_one_line(tmp_path: Path) -> None:
    config = settings(str(tmp_path / "nothing"))
    with pytest.raises(
        UserError, match=r"captions\.preset: '.*nothing' could not be loaded .* or null to train"
    ) as raised:
        fit_captions(config.captions, [])
    assert "\n" not in str(raised.value)


def test_sequence_length_beyond_the_preset_is_an_error(preset: Path) -> None:
    config = settings(str(preset))
    state = fit_captions(config.captions, [])
    assert state.backbone is not None
    state = replace(state, backbone=replace(state.backbone, max_sequence_length=4))
    with pytest.raises(UserError, match=r"captions\.sequence_length: expected at most 4, got 8"):
        build_model(config, {"logits": 3}, state)


def test_vocabulary_is_fitted_to_the_captions() -> None:
    captions = ["a red bus", "two red buses", "a dog", "dogs and a bus"] * 5
    state = fit_captions(CaptionsConfig("bert", vocabulary_size=60), captions)
    assert state.vocabulary[:5] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert {"bus", "red", "a"} <= set(state.vocabulary)
    assert state == fit_captions(CaptionsConfig("bert", vocabulary_size=60), captions)
    encode = caption_encoder(CaptionsConfig("bert", sequence_length=6), state)
    inputs = encode(tf.constant(["A RED bus"]))
    pieces = [state.vocabulary[place] for place in inputs["token_ids"].numpy()[0]]
    assert pieces == ["[CLS]", "a", "red", "bus", "[SEP]", "[PAD]"]
    np.testing.assert_array_equal(inputs["padding_mask"], [[1, 1, 1, 1, 1, 0]])
    assert {value.dtype for value in inputs.values()} == {tf.int32}
