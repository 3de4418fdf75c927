"""A run whose image tower starts from a weights file."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from kmlc.config import Config, TowerConfig
from kmlc.errors import UserError
from kmlc.models.image import TOWERS
from kmlc.settings import config_from_flags
from kmlc.training.restore import restore
from kmlc.training.train import train
from tests.helpers import TINY


@pytest.fixture
def backbone(tmp_path: Path) -> keras.Model:
    """SimpleCNN, and its weights in backbone.weights.h5."""
    model = TOWERS["simple_cnn"].backbone(16, TowerConfig("simple_cnn"))
    model.save_weights(tmp_path / "backbone.weights.h5")
    return model


def settings(data: Path, folder: Path, weights: str, *flags: str) -> Config:
    tower = ["--tower.name=simple_cnn", f"--tower.weights={weights}", "--captions.encoder=none"]
    run = [f"--data={data}", f"--run={folder / 'run'}", "--train.epochs=1"]
    return config_from_flags(["--model=hybrid", *TINY, *tower, *run, *flags])


def test_the_weights_file_is_read_only_at_the_start(
    data: Path, tmp_path: Path, backbone: keras.Model
) -> None:
    file = tmp_path / "backbone.weights.h5"
    run = train(settings(data, tmp_path, str(file), "--tower.trainable=from convolution_3"))
    file.unlink()
    tower = restore(run).model.get_layer("image_tower").model.get_layer("backbone").model
    for layer in ("convolution_1", "convolution_2"):
        for weight, expected in zip(
            tower.get_layer(layer).get_weights(), backbone.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(weight, expected)
    trained = tower.get_layer("convolution_3").get_weights()[0]
    initial = backbone.get_layer("convolution_3").get_weights()[0]
    assert (trained != initial).any()
    # Adam moves a weight by at most a little more than the learning rate in a step; there were five or less.
    assert np.abs(trained - initial).max() < 0.01


@pytest.mark.parametrize(
    ("weights", "flags", "message"),
    [
        ("missing.weights.h5", [], "tower.weights: missing.weights.h5: no such file"),
        ("imagenet", [], "tower.weights: expected none or a file, as simple_cnn has no ImageNet weights"),
        ("none", ["--tower.trainable=from nowhere"], "tower.trainable: expected all, none or `from LAYER`"),
    ],
)
def test_bad_weights_leave_no_run(
    data: Path, tmp_path: Path, weights: str, flags: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        train(settings(data, tmp_path, weights, *flags))
    assert not (tmp_path / "run").exists()


def test_a_file_of_another_architecture_leaves_no_run(
    data: Path, tmp_path: Path, backbone: keras.Model
) -> None:
    file = tmp_path / "backbone.weights.h5"
    config = settings(data, tmp_path, str(file), "--tower.name=cnn2")
    with pytest.raises(UserError, match=r"backbone\.weights\.h5: does not fit cnn2 \(") as raised:
        train(config)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()
