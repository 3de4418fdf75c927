"""`python -m kmlc COMMAND …`, and the console script `kmlc COMMAND …`."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from kmlc.commands import NAMES, leave, run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; without one, show the help."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in NAMES:
        return run(arguments[0], arguments[1:])
    return run("overview", arguments)


def script() -> NoReturn:
    """Run the command, and end the process with its exit code."""
    leave(main())


if __name__ == "__main__":
    script()
