"""The commands, one module each: parse, call one function, say what to type next."""

import signal
from collections.abc import Sequence
from importlib import import_module

NAMES = ("train", "tune", "predict", "evaluate", "report", "captions", "compare", "features")

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, that of a program that the signal ends."""


def run(name: str, argv: Sequence[str] | None = None) -> int:
    """Import a command and run it with arguments, those of the process if None; return the exit code.

    Ctrl-C during the imports, which take a third of a second, ends it like any later one.

    Example:
        raise SystemExit(run("train", ["--model", "hybrid"]))
    """
    try:
        return int(import_module(f"{__name__}.{name}").main(argv))
    except KeyboardInterrupt:
        return INTERRUPTED
