"""Output: untrusted text cannot steer it; no encoding, closed pipe or full disk ends in a traceback.

Names, captions and labels may hold escape sequences of terminals, or bidirectional control characters, which
reverse what follows. They are escaped where everything is printed, not where each of them enters a message.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO, cast

_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except the tab and the end of a line
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional control characters
    r"\u2028\u2029\ufeff\U000e0000-\U000e007f"  # other ends of lines, and invisible characters
    r"\ud800-\udfff]"  # bytes that are no UTF-8
)


def printable(text: str) -> str:
    r"""Return text with each character that steers a terminal escaped as Python, JSON and YAML do.

    Example:
        printable("\x1b[31mred")  # r"\x1b[31mred"
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""Return text as `printable` does, and ends of lines escaped as well.

    Example:
        one_line("a\nb.jpg")  # r"a\nb.jpg"
    """
    return printable(text.replace("\n", "\\n"))


class PrintableStream(io.TextIOBase):
    """A stream that writes only what `printable` returns, line by line.

    What the encoding of the stream cannot hold is escaped too. After an error, as of a closed pipe or a full
    disk, the rest goes nowhere.

    Args:
        stream: the stream itself; None, of a process without one, goes nowhere.
        needed: whether an error of the stream is raised; without it there is nobody to tell.

    Attributes:
        stream: the stream itself.
        error: the first error.
    """

    def __init__(self, stream: TextIO | None, needed: bool = True) -> None:
        self.stream: TextIO = _nowhere() if stream is None else stream
        self.error: OSError | None = None
        self._needed = needed

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write text, escaped."""
        safe = printable(text).encode(self.encoding, "backslashreplace").decode(self.encoding)
        try:
            self.stream.write(safe)
            if "\n" in safe:  # the reader of a pipe waits for lines
                self.stream.flush()
        except OSError as error:
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        try:
            self.stream.flush()
        except OSError as error:
            self._fail(error)

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the stream."""
        return self.stream.fileno()

    def _fail(self, error: OSError) -> None:
        self.error = self.error or error
        with suppress(OSError), _nowhere() as nowhere:
            # Python would report what it cannot flush at its exit.
            os.dup2(nowhere.fileno(), self.stream.fileno())
        if self._needed:
            raise error


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


@contextmanager
def printable_output() -> Iterator[PrintableStream]:
    r"""Let the block print to `PrintableStream`s; yield that of the output.

    Example:
        with printable_output() as output:
            print("\x1b[31m")
        output.error  # None
    """
    for descriptor in range(3):
        # The next file to be opened would get the number of a closed stream, and what is printed into it.
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    output, errors = PrintableStream(sys.stdout), PrintableStream(sys.stderr, needed=False)
    with ExitStack() as redirected:
        redirected.enter_context(redirect_stdout(cast(TextIO, output)))
        redirected.enter_context(redirect_stderr(cast(TextIO, errors)))
        yield output
