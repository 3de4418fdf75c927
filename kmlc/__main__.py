"""`python -m kmlc COMMAND …`, and the console script `kmlc COMMAND …`."""

import importlib
import sys
from collections.abc import Sequence

from jsonargparse import set_parsing_settings

from kmlc.arguments import OneLineParser, nearest
from kmlc.commands import NAMES
from kmlc.commands.process import Main, command
from kmlc.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; without one, show the help."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in NAMES:
        run: Main = importlib.import_module(f"kmlc.commands.{arguments[0]}").main
        return run(arguments[1:])
    return _without_command(arguments)


@command
def _without_command(argv: Sequence[str]) -> None:
    if argv and not argv[0].startswith("-"):
        raise UserError(f"{argv[0]}: no such command{nearest(argv[0], NAMES)}; expected {', '.join(NAMES)}")
    _parser().parse_args(argv or ["--help"])


def _parser() -> OneLineParser:
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


if __name__ == "__main__":
    raise SystemExit(main())
