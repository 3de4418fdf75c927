"""What all commands share: exit codes, signals, a closed pipe, and imports that print nothing."""

import errno
import functools
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from kmlc.commands import INTERRUPTED
from kmlc.errors import UserError, was_interrupt
from kmlc.printable import one_line, printable_output
from kmlc.program import program
from kmlc.tensorflow_variables import VARIABLES

CLOSED_PIPE = 128 + signal.SIGPIPE
"""The exit code where the reader of the output is gone, that of a program that the signal ends."""
BACKENDS = ("tensorflow", "jax", "torch")
"""What KERAS_BACKEND may be: those that train."""

LONGEST = 2000
"""The most characters of an error that are printed; a value in it may have millions."""

_REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
}
"""Errors of the file system that the user can fix: full, over quota, read-only, not permitted, missing …"""


class Main(Protocol):
    """The entry of a command: arguments (those of the process without any) to exit code."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run the command."""


def command(body: Callable[[Sequence[str]], None]) -> Main:
    """Wrap the function that does a command's work; the result returns the exit code.

    The code is 0 when done; 2 after one line for an error that the user can fix; 130 after Ctrl-C; 141 when
    the reader of the output is gone (`kmlc train | head -1`): it ends as any command of a shell does, and a
    run or a study can be continued. SIGTERM ends a command as Ctrl-C does, so that no file is half-written.
    Any other exception is a bug and keeps its traceback.

    Example:
        @command
        def main(argv):
            print(parser().parse_args(argv))
    """
    module = body.__module__.rpartition(".")[2]

    @functools.wraps(body)
    def main(argv: Sequence[str] | None = None) -> int:
        for variable, value in VARIABLES.items():
            os.environ.setdefault(variable, value)
        name = program("" if module in ("__main__", "overview") else module)
        with (
            suppress(KeyboardInterrupt),  # in the moment in which the handlers change
            _interruptible(whole_process=argv is None),
            printable_output() as output,
        ):
            try:
                with suppress(SystemExit):  # of --help and --version
                    body(sys.argv[1:] if argv is None else argv)
                output.flush()
            except KeyboardInterrupt:
                return INTERRUPTED
            except Exception as error:
                if was_interrupt(error):
                    return INTERRUPTED
                if output.error is None:
                    return _fail(name, _explained(error))
            if isinstance(output.error, BrokenPipeError):
                return CLOSED_PIPE
            return _fail(name, f"the output: {output.error.strerror}") if output.error else 0
        return INTERRUPTED

    return main


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Suppress what TensorFlow's libraries print while they are imported; errors are exceptions.

    They write to the file descriptor before any log level applies, so the descriptor is redirected. Python
    collects no garbage meanwhile, and never looks at what was imported again: its modules stay to the end,
    and going through their objects takes a quarter of the time of the imports, and as much again at the exit.

    Raises:
        UserError: if KERAS_BACKEND names no backend.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in BACKENDS:
        raise UserError(f"KERAS_BACKEND: expected one of {', '.join(BACKENDS)}; got {backend}")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    gc.disable()
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        if not gc.get_freeze_count():  # a second time would freeze what the first command has made since
            gc.freeze()
        gc.enable()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _interruptible(whole_process: bool) -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt.

    A shell starts a background command of a script with SIGINT ignored, and neither signal would end it.

    Args:
        whole_process: whether the process ends with the block; then the signals end it without a traceback
            from Python's own exit. Otherwise the earlier handlers come back.
    """
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in earlier.items():
            signal.signal(number, signal.SIG_DFL if whole_process else handler)


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat a signal that came while Python destroyed an object, where its exception is dropped."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    again = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _explained(error: Exception) -> str:
    """Return the line for an error that the user can fix; raise any other again."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return f"{error.filename or 'the disk'}: {error.strerror}"
    encoding = sys.getfilesystemencoding()
    if isinstance(error, UnicodeEncodeError) and encoding != "utf-8":
        return f"{error.object!r}: no file name in the encoding of this system, {encoding}; set PYTHONUTF8=1"
    raise error


def _fail(name: str, message: str) -> int:
    if len(message) > LONGEST:
        message = f"{message[: LONGEST - 100]} … {message[-100:]}"
    print(one_line(f"{name}: error: {message}"), file=sys.stderr)
    return 2
