"""`train.py --models` and the metrics in it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kmlc.config import Config, TowerConfig
from kmlc.models.listing import tower_parameters
from kmlc.settings import model_names

ROOT = Path(__file__).parent.parent.parent

PARAMETERS = {
    "advanced_cnn": "11,186,112",
    "cnn2": "1,172,256",
    "convnext_tiny": "27,820,128",
    "efficientnetb0": "4,049,571",
    "efficientnetb4": "17,673,823",
    "inceptionv3": "21,802,784",
    "mlp": "11,712",
    "mobilenetv2": "2,257,984",
    "resnet18": "11,186,112",
    "resnet50": "23,587,712",
    "simple_cnn": "258,624",
    "system1": "17,673,823",
    "vgg16": "14,714,688",
}


def test_parameters_of_a_tower() -> None:
    assert tower_parameters(Config(tower=TowerConfig("none"))) == 0
    assert tower_parameters(Config(tower=TowerConfig("simple_cnn"))) == 258_624
    first, second = 20 * 128 + 128 + 4 * 128, 128 * 64 + 64 + 4 * 64
    assert tower_parameters(Config(tower=TowerConfig("mlp"))) == first + second == 11_712


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--models"], ["--model", "mlp", "--models"]])
def test_every_model_is_listed(arguments: list[str], tmp_path: Path) -> None:
    """Also beside other flags: it never trains."""
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.split("\n\n")[0].splitlines()[1:]
    assert [row.split()[0] for row in rows] == model_names()
    found = {row.split()[0]: row.split()[2] for row in rows}
    assert PARAMETERS.items() <= found.items()
    by_name = {row.split()[0]: row for row in rows}
    assert re.search(r" 224 px +bigram +System 1 whole: EfficientNet-B4", by_name["system1"])
    assert re.search(r" - +none +System 5's small dense network", by_name["mlp"])
    assert not list(tmp_path.iterdir())
