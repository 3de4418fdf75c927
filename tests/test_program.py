import subprocess
import sys
from pathlib import Path

import pytest

from kmlc.program import command_line, program, quoted

NAMES = [
    "my run",
    'it\'s "so"',
    "$(touch pwned)",
    "`id`;&|<>*?",
    "-r",
    "--run=x",
    "été 猫",
    "a\nb",
    "~",
    "#",
    "",
]


@pytest.mark.parametrize(
    ("script", "name", "typed"),
    [
        ("train.py", "train.py", "python predict.py --run 'my run'"),
        ("../a b/train.py", "train.py", "python '../a b/predict.py' --run 'my run'"),
        ("/opt/bin/kmlc", "kmlc train", "kmlc predict --run 'my run'"),
        ("/lib/kmlc/__main__.py", "kmlc train", "python -m kmlc predict --run 'my run'"),
    ],
)
def test_commands_are_named_as_they_are_typed(
    script: str, name: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder the printed command was `python predict.py`, which is not there."""
    monkeypatch.setattr(sys, "argv", [script])
    assert program("train") == name
    assert command_line("predict", "--run", "my run") == typed


@pytest.mark.parametrize(
    ("script", "typed"),
    [("train.py", "python -m kmlc compare a b"), ("/x/train.py", "PYTHONPATH=/x python -m kmlc compare a b")],
)
def test_a_command_without_a_script_is_one_of_the_module(
    script: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script])
    assert command_line("compare", "a", "b") == typed


def test_a_shell_reads_printed_arguments_back() -> None:
    """A path that begins with a dash was read as a flag."""
    show = [sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))"]
    paths = [Path(name) for name in NAMES if name]
    line = f"{quoted(*show)} {quoted(*NAMES)} {quoted(*paths)}"
    shell = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True)
    as_paths = [f"./{path}" if str(path).startswith("-") else str(path) for path in paths]
    assert shell.stdout == f"{[*NAMES, *as_paths]!a}\n"
