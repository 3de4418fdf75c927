"""Runs with the image tower of a preset, whose folder is gone before they resume and predict."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kmlc.arrays import read_arrays
from kmlc.commands import features
from kmlc.commands.train import main
from kmlc.data.readers.npz import read_features
from kmlc.prediction.predictor import load_predictor
from kmlc.settings import config_from_flags, load_config
from kmlc.tasks.rows import read_labelled
from kmlc.training.estimate import measure_cost
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_files import load_split
from kmlc.training.train import train
from tests.helpers import TINY, assert_same_history
from tests.models.image.backbones import BACKBONES, hugging_face_dinov2, keras_hub_folder

pytestmark = pytest.mark.slow


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == 0:
            raise KeyboardInterrupt


@pytest.fixture
def flags(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of a run of a DINOv2 of 16 pixels, which is in the folder `dino`."""
    monkeypatch.chdir(tmp_path)
    hugging_face_dinov2(tmp_path / "dino")
    own = ["--images.size=auto", "--tower.preset=dino", "--cache.folder=cache", "--captions.encoder=bigram"]
    return [*TINY, *own, f"--data={data}", "--thresholds.method=curve"]


def assert_predicts_as_evaluated(run: RunDirectory) -> None:
    rows = read_labelled(load_config(run.config)).records
    names = load_split(run)["validation"]
    validation = rows.take([rows.ids.tolist().index(name) for name in names])
    logits = load_predictor([run.path]).logits(validation)
    np.testing.assert_array_equal(logits, read_arrays(run.logits)["validation_logits"])


@pytest.mark.parametrize("name", [each for each in BACKBONES if each != "DINOV2Backbone"])
def test_every_family_trains_and_predicts(name: str, flags: list[str], tmp_path: Path) -> None:
    keras_hub_folder(tmp_path / "preset", name)
    run = train(config_from_flags([*flags, "--tower.preset=preset", "--run=run", "--train.epochs=1"]))
    shutil.rmtree("preset")
    assert load_config(run.config).images.size == 32
    assert_predicts_as_evaluated(run)


@pytest.mark.parametrize(
    "settings",
    [
        ["--images.size=24"],
        ["--train.precision=mixed_float16", "--tower.dropout=0.5"],
        ["--tower.trainable=from layernorm", "--images.horizontal_flip=false", "--images.crop=1"],
        ["--tower.trainable=none", "--cache.views=2"],
    ],
)
def test_a_run_goes_on_and_predicts_without_the_preset(flags: list[str], settings: list[str]) -> None:
    flags = [*flags, *settings]
    train(config_from_flags([*flags, "--run=one"]))
    for stopped in ("two", "three"):
        with pytest.raises(KeyboardInterrupt):
            train(config_from_flags([*flags, f"--run={stopped}"]), callbacks=[Stop()])
    shutil.rmtree("dino")
    assert main(["--resume=two"]) == main([*flags, "--run=three"]) == 0
    assert_same_history(Path("one"), Path("two"))
    assert_same_history(Path("one"), Path("three"))
    assert_predicts_as_evaluated(RunDirectory(Path("two")))


def test_frozen_values_are_kept_by_the_weights_of_the_preset(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    frozen = [*flags, "--tower.trainable=none", "--images.horizontal_flip=false", "--images.crop=1"]
    shutil.copytree("dino", "copy")
    assert main([*frozen, "--run=one"]) == 0
    assert "dino: computing 41 of 41 images once" in capsys.readouterr().out
    assert main([*frozen, "--run=two", "--tower.preset=copy"]) == 0
    assert "copy: 41 images read from the cache" in capsys.readouterr().out
    settings = Path("copy/preprocessor_config.json")
    settings.write_text(settings.read_text().replace("0.485", "0.5"))
    assert main([*frozen, "--run=three", "--tower.preset=copy"]) == 0
    assert "copy: computing 41 of 41 images once" in capsys.readouterr().out


def test_late_fusion_takes_the_branch_from_its_run(flags: list[str]) -> None:
    flags = [*flags, "--tower.trainable=none"]
    train(config_from_flags([*flags, "--run=image", "--captions.encoder=none", "--train.monitor=none"]))
    shutil.rmtree("dino")
    run = train(
        config_from_flags([*flags, "--run=late", "--fusion.name=late", "--fusion.image_run=image"])
    )
    assert_predicts_as_evaluated(run)


def test_feature_vectors_are_the_embeddings(flags: list[str]) -> None:
    assert features.main([*flags, "--out=rows.npz"]) == 0
    assert read_features(Path("rows.npz")).features.shape == (40, 8)


def test_the_time_of_a_training_is_measured(flags: list[str]) -> None:
    config = config_from_flags(flags)
    assert measure_cost(config, read_labelled(config)).epoch > 0
