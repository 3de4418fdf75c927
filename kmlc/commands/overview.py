"""`kmlc` without a command: the help of all commands, and shell completion."""

import importlib
from collections.abc import Sequence

from jsonargparse import set_parsing_settings

from kmlc.arguments import OneLineParser, nearest
from kmlc.commands import NAMES
from kmlc.commands.process import command
from kmlc.errors import UserError


@command
def main(argv: Sequence[str]) -> None:
    """Show the help; for anything but a flag say which commands there are."""
    if argv and not argv[0].startswith("-"):
        raise UserError(f"{argv[0]}: no such command{nearest(argv[0], NAMES)}; expected {', '.join(NAMES)}")
    parser().parse_args(argv or ["--help"])


def parser() -> OneLineParser:
    """Return the parser of all commands, for the help and for shell completion."""
    set_parsing_settings(add_print_completion_argument=True)
    parser = OneLineParser(prog="kmlc")
    commands = parser.add_subcommands(
        required=False,
        metavar="COMMAND",
        title="commands",
        description="kmlc COMMAND --help shows its flags",
    )
    for name in NAMES:
        module = importlib.import_module(f"kmlc.commands.{name}")
        commands.add_subcommand(name, module.parser(), help=(module.__doc__ or "").partition("\n")[0])
    return parser
