"""`kmlc` and `python -m kmlc`."""

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from kmlc import __version__
from kmlc.__main__ import main
from kmlc.commands import NAMES
from tests.helpers import ROOT


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_lists_every_command_on_a_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    for name in NAMES:
        (line,) = [line for line in shown if line.startswith(f"    {name} ")]
        summary = str(importlib.import_module(f"kmlc.commands.{name}").__doc__).partition(".\n")[0]
        assert line.endswith(f" {summary}")


def test_version_flag_prints_name_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kmlc {__version__}\n"


def test_version_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--version"]) == 0
    assert capsys.readouterr().out == f"kmlc {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["trian"],
            "kmlc: error: trian: no such command (did you mean train?); expected train, tune",
        ),
        (
            ["zzz"],
            "kmlc: error: zzz: no such command; expected train, tune, predict, evaluate, report",
        ),
        (["--verison"], "kmlc: error: --verison: no such flag (did you mean --version?)"),
        (["train", "--seed"], "kmlc train: error: --seed: expected one argument"),
        (["compare"], "kmlc compare: error: the following arguments are required: "),
    ],
)
def test_an_error_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(said)
    assert shown.err.count("\n") == 1


def test_the_module_runs_a_command() -> None:
    command = [sys.executable, "-m", "kmlc", "train", "--epochs", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        done.stderr
        == "kmlc train: error: --train.epochs: expected a whole number from 1 to 2147483647; got 0\n"
    )


@pytest.mark.skipif(find_spec("shtab") is None, reason="needs kmlc[completion]")
def test_shell_completion_knows_commands_and_settings() -> None:
    command = [sys.executable, "-m", "kmlc", "--print_completion", "shtab-bash"]
    script = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    typed = "COMP_WORDS=(kmlc {}); COMP_CWORD={}; _shtab_kmlc; echo ${{COMPREPLY[@]}}"
    for words, place, found in (("t", 1, {"train", "tune"}), ("train --train.ep", 2, {"--train.epochs"})):
        done = subprocess.run(
            ["bash", "-c", f"{script}\n{typed.format(words, place)}"], capture_output=True, text=True
        )
        assert set(done.stdout.split()) == found, done.stderr


@pytest.mark.parametrize("command", [["train.py", "--help"], ["-m", "kmlc", "train", "--help"]])
def test_a_signal_during_the_imports_prints_no_traceback(command: list[str], tmp_path: Path) -> None:
    """Ctrl-C in the first third of a second ended in a traceback through the import of jsonargparse."""
    (tmp_path / "jsonargparse.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize(("code", "said"), [(0, "said late\n"), (130, "said ")])
def test_an_error_ends_the_process_at_once(code: int, said: str) -> None:
    """Ctrl-C in a prediction with frozen layers never came back: Python's own end waited for a thread."""
    program = "import atexit; atexit.register(print, 'late'); from kmlc.commands import leave; "
    program += f"print('said', end=' '); leave({code})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, said)
