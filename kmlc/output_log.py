"""A log file of what a command prints."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO, cast

from kmlc.printable import printable


class OutputLog(io.TextIOBase):
    """A stream whose lines go to a log file as well; the bars on a terminal do not.

    Attributes:
        stream: the stream itself.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._log: TextIO = io.StringIO()

    def save_to(self, path: Path) -> None:
        """Append to a file what was written so far and what will be."""
        log = path.open("a", encoding="utf-8", buffering=1)
        log.write(cast(io.StringIO, self._log).getvalue())
        self._log = log

    def write(self, text: str) -> int:
        """Write to the stream and to the log."""
        self._log.write(printable(text))
        return self.stream.write(text)

    def flush(self) -> None:
        """Flush the stream; each line of the log is written at once."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty()

    def close(self) -> None:
        """Close the log; the stream stays open."""
        self._log.close()
        super().close()


@contextmanager
def logged_output() -> Iterator[OutputLog]:
    """Log what the block prints, to the file that `OutputLog.save_to` names in it.

    Example:
        with logged_output() as log:
            print("Reading")
            log.save_to(Path("train.log"))
            print("Training")  # train.log has both lines
    """
    log = OutputLog(sys.stdout)
    with log, redirect_stdout(cast(TextIO, log)):
        yield log
