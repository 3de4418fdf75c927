"""What a user sees while they wait."""

import sys
import time


class ProgressLine:
    """A line that moves on a terminal; where output goes to a file, only the lines that are left stay.

    It is written where output goes when the line is made.

    Example:
        line = ProgressLine()
        for done in range(1, total + 1):
            if line.due():
                line.show(f"{done}/{total}")
        line.leave(f"{total} done")
    """

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._moving = self._stream.isatty()
        self._shown = 0.0

    def due(self) -> bool:
        """Return whether the line should move now: on a terminal, five times a second."""
        return self._moving and time.monotonic() - self._shown >= 0.2

    def show(self, text: str) -> None:
        """Put `text` in the line's place."""
        self._shown = time.monotonic()
        # \\x1b[K clears what a longer line left behind.
        print(f"\r{text}\x1b[K", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._moving:
            self.show("")

    def leave(self, text: str) -> None:
        """Put `text` in the line's place and go on below it."""
        print(f"\r{text}\x1b[K" if self._moving else text, file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """Return a time as people say it: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
