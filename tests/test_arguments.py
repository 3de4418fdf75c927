import importlib

import pytest

from kmlc.arguments import OneLineParser
from kmlc.commands import NAMES
from kmlc.commands.train import parser
from kmlc.errors import UserError


@pytest.mark.parametrize("arguments", [[""], [" ", "x"], ["=x"]])
def test_an_argument_without_a_name_is_one_line(arguments: list[str]) -> None:
    with pytest.raises(UserError, match=r"^(''|x): no such flag"):
        parser().split(arguments)


def help_of(parser: OneLineParser) -> str:
    return " ".join(parser.format_help().split())


@pytest.mark.parametrize("command", NAMES)
def test_help_shows_no_internals_of_the_parser(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    made = importlib.import_module(f"kmlc.commands.{command}").parser()
    text = made.format_help()
    for internal in (
        "type:",
        "<class",
        "Interval",
        "CONFIG",
        "Literal",
        "default: null",
        "SUPPRESS",
        "+ VOCABULARY",
    ):
        assert internal not in text
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.partition("\n\n")[0].splitlines()) <= 2  # the usage


def test_help_describes_values_and_defaults() -> None:
    text = help_of(parser())
    assert (
        "maximum number of epochs; short: --epochs (a whole number from 1 to 2147483647; default: 30)" in text
    )
    assert "--labels.delimiter DELIMITER separates the labels of a row; with class folders always / " in text
    assert 'always / (default: " ")' in text
    assert "each dense layer (a list, each a whole number from 1 to 2147483647; default: [128, 64])" in text
    assert "--train.evaluate_training {true,false} also compute" in text
    assert "show overfitting (default: false)" in text
    assert "--tower.name NAME architecture;" in text
    assert "convnext_tiny; default: hybrid)" in text
    assert "settings --loss.*: the loss: --loss.name NAME" in text
