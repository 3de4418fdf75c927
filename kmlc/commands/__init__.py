"""The commands, one module each: parse, call one function, say what to type next."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

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


def leave(code: int) -> NoReturn:
    """End the process with the exit code of a command.

    After an error or Ctrl-C it ends at once: where a prediction was interrupted, Python's own end waits for
    ever for a thread of tf.data that it has ended itself (Python 3.11, TensorFlow 2.21).
    """
    if code:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # its reader is gone, or it is closed
                stream.flush()
        os._exit(code)
    raise SystemExit(code)
