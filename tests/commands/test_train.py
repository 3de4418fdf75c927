"""The flags of the train command, and what it prints without training."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kmlc.commands.train import main, parse
from kmlc.errors import UserError
from kmlc.settings import model_names
from kmlc.yaml_files import write_yaml
from tests.helpers import ROOT


def test_resume_takes_a_run_or_the_newest() -> None:
    assert parse(["--resume"])[0].resume == "newest"
    assert parse(["--resume", "runs/x"])[0].resume == "runs/x"
    assert parse(["--seed", "1"])[0].resume is None


@pytest.mark.parametrize("more", [["--seed", "1"], ["--config", "x.yaml"], ["--train.epochs=3"]])
def test_resume_refuses_settings(more: list[str]) -> None:
    with pytest.raises(UserError, match="--resume: expected no other flags, a resumed run keeps its"):
        parse(["--resume", "runs/x", *more])


def test_several_config_files_are_layered_in_order(tmp_path: Path) -> None:
    """The first of two was once ignored."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    write_yaml(first, {"model": "mlp", "train": {"batch_size": 7, "epochs": 4}})
    write_yaml(second, {"train": {"epochs": 5}})
    config = parse(["--config", str(first), f"--config={second}"])[1]
    assert (config.model, config.train.batch_size, config.train.epochs) == ("mlp", 7, 5)
    config = parse(["--config", str(second), f"--config={first}"])[1]
    assert config.train.epochs == 4


@pytest.mark.parametrize("model", model_names())
def test_print_config_shows_a_config_file(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model", model, "--print_config"]) == 0
    (tmp_path / "shown.yaml").write_text(capsys.readouterr().out)
    assert parse(["--config", str(tmp_path / "shown.yaml")])[1] == parse(["--model", model])[1]


def test_print_config_shows_files_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_yaml(tmp_path / "mine.yaml", {"train": {"epochs": 4}})
    assert main([f"--config={tmp_path / 'mine.yaml'}", "--seed=7", "--print_config"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["train"]["epochs"], shown["seed"]) == (4, 7)


def test_help_describes_each_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "rows in a batch" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["train", "tune", "predict", "report", "captions", "compare", "features"])
def test_help_does_not_import_tensorflow(command: str) -> None:
    code = (
        f"import sys; from kmlc.commands.{command} import main\n"
        "assert main(['--help']) == 0\n"
        "print(*{'tensorflow', 'keras', 'pandas', 'matplotlib'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "\n"


@pytest.mark.slow
def test_keras_hub_is_imported_only_by_models_that_use_it() -> None:
    """It took 0.8 of the 5 seconds before the first step of `mlp`."""
    code = (
        "import kmlc.training.train, kmlc.reports.report, sys; "
        "sys.exit('keras_hub is imported' if 'keras_hub' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
