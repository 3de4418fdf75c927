import sys

import pytest

from kmlc.program import command_line, program


@pytest.mark.parametrize(
    ("script", "name", "typed"),
    [
        ("train.py", "train.py", "python predict.py --run 'my run'"),
        ("/opt/bin/kmlc", "kmlc train", "kmlc predict --run 'my run'"),
        ("/lib/kmlc/__main__.py", "kmlc train", "python -m kmlc predict --run 'my run'"),
    ],
)
def test_commands_are_named_as_they_are_typed(
    script: str, name: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script])
    assert program("train") == name
    assert command_line("predict", "--run", "my run") == typed


def test_a_command_without_a_script_is_one_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    assert command_line("compare", "a", "b") == "python -m kmlc compare a b"
