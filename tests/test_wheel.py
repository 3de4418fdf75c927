"""The wheel, unpacked away from the checkout: every module, every model's settings, the commands."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kmlc import __version__
from tests.helpers import ROOT

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
CONSOLE_SCRIPT = (
    "import sys; from importlib.metadata import distribution\n"
    "(script,) = [each for each in distribution('kmlc').entry_points if each.group == 'console_scripts']\n"
    "assert script.name == 'kmlc'\n"
    "sys.argv[0] = '/usr/bin/kmlc'\n"
    "sys.exit(script.load()())"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip installs into, with the wheel's files."""
    source, folder = (tmp_path_factory.mktemp(name) for name in ("source", "installed"))
    for name in ("kmlc", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-c", BUILD, str(source / "dist")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("kmlc-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the console script in an empty folder."""
    return subprocess.run(
        [sys.executable, "-c", CONSOLE_SCRIPT, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_has_every_file(installed: Path) -> None:
    def files(folder: Path, *patterns: str) -> set[Path]:
        return {path.relative_to(folder) for pattern in patterns for path in folder.rglob(pattern)}

    configs = {Path("configs") / path for path in files(ROOT / "configs", "*.yaml")}
    assert files(installed / "kmlc", "*.*") == files(ROOT / "kmlc", "*.py", "*.csv") | configs
    assert {path.name for path in installed.iterdir()} == {"kmlc", f"kmlc-{__version__}.dist-info"}


def test_the_console_script_names_itself_in_messages(installed: Path, tmp_path: Path) -> None:
    assert run_installed(installed, tmp_path, "--version").stdout == f"kmlc {__version__}\n"
    failed = run_installed(installed, tmp_path, "train", "--model", "hybrod")
    assert failed.returncode == 2
    assert failed.stderr.startswith("kmlc train: error: --model: expected one of advanced_cnn, ")


def test_models_and_grids_are_found(installed: Path, tmp_path: Path) -> None:
    shown = run_installed(installed, tmp_path, "train", "--model", "system2", "--print_config")
    assert shown.returncode == 0, shown.stderr
    assert "encoder: trigram" in shown.stdout
    wrong = run_installed(installed, tmp_path, "tune", "--grid", "report2", "--train.epochs", "1")
    assert "--train.epochs: varies in the grid report2" in wrong.stderr


def test_a_model_trains_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = run_installed(
        installed, tmp_path, "train", "--model", "mlp", "--train.epochs", "1", "--run", "run"
    )
    assert done.returncode == 0, done.stderr
    assert "Predict:      kmlc predict --run run --out submission.csv" in done.stdout
    assert (tmp_path / "run" / "report.md").is_file()


@pytest.mark.slow
def test_a_dry_run_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    flags = ["--images.size", "32", "--fraction", "0.1"]
    done = run_installed(installed, tmp_path, "tune", "--grid", "report2", "--dry-run", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("16 trials: about ")
