"""`train.py --models`, and the committed table of parameters in it."""

import re
from pathlib import Path

import pytest

from kmlc.commands.train import main
from kmlc.config import Config
from kmlc.data.encoder_state import EncoderState
from kmlc.models.image import TOWERS
from kmlc.models.image.tower import image_tower
from kmlc.models.listing import read_parameters
from kmlc.models.mlp import mlp
from kmlc.settings import CONFIGS, layered, model_names
from tests.helpers import ROOT, run_command

FEATURES = EncoderState(feature_means=(0.0,) * 20, feature_deviations=(1.0,) * 20)
"""Statistics of the feature vectors that a model without images is built for: those of its sample."""


def tower_parameters(config: Config) -> int:
    if config.tower.input == "features":
        return mlp(FEATURES, config.tower).count_params()
    size = 224 if config.images.size == "auto" else config.images.size
    return image_tower(TOWERS[config.tower.name], size, config.tower).count_params()


def config_of(model: str) -> Config:
    return layered([CONFIGS / f"{model}.yaml"])


def test_the_table_names_every_model() -> None:
    assert list(read_parameters()) == model_names()


def test_parameters_by_hand() -> None:
    first, second = 20 * 128 + 128 + 4 * 128, 128 * 64 + 64 + 4 * 64
    assert read_parameters()["mlp"] == first + second == tower_parameters(config_of("mlp"))
    assert read_parameters()["simple_cnn"] == 258_624 == tower_parameters(config_of("simple_cnn"))


@pytest.mark.slow
def test_the_table_holds_the_parameters_of_the_models_as_built() -> None:
    assert read_parameters() == {name: tower_parameters(config_of(name)) for name in model_names()}


@pytest.mark.parametrize("arguments", [["--models"], ["--model", "mlp", "--models"]])
def test_every_model_is_listed(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also beside other flags: it never trains."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    rows = capsys.readouterr().out.split("\n\n")[0].splitlines()[1:]
    assert [row.split()[0] for row in rows] == model_names()
    by_name = {row.split()[0]: row for row in rows}
    assert re.search(r" 17,673,823 +224 px +bigram +System 1 ", by_name["system1"])
    assert re.search(r" 11,712 +- +none +System 5", by_name["mlp"])
    assert not list(tmp_path.iterdir())


def test_listing_imports_neither_tensorflow_nor_keras() -> None:
    """They take seconds."""
    code = "import sys; from kmlc.commands.train import main; main(['--models']); print(*sys.modules)"
    done = run_command(ROOT, "-c", code)
    assert done.returncode == 0, done.stderr
    assert {"kmlc.models.listing"} <= {*done.stdout.split()}
    assert not {"tensorflow", "keras", "pandas", "sklearn"} & {*done.stdout.split()}
