"""Progress of long work: a bar on a terminal, a line every minute elsewhere."""

import sys
from typing import Any, TextIO

from tqdm import tqdm

from kmlc.output_log import OutputLog
from kmlc.printable import PrintableStream

BAR_SECONDS = 0.2
"""Seconds between two updates of a bar on a terminal."""
LINE_SECONDS = 60.0
"""Seconds between two lines where output goes to a file or a pipe."""


class ProgressBar(tqdm):
    """A tqdm bar on a terminal, which disappears when it is closed; elsewhere a plain line every minute.

    Args:
        total: steps.
        description: what is in progress; the number of steps follows it.
        unit: what the rate counts.
        step: units in a step, such as the rows of a batch.
        stream: where to write; None is `sys.stdout` as it is now.

    Example:
        with ProgressBar(len(batches), "epoch 1/10: step", step=32) as bar:
            for batch in batches:
                bar.set_postfix_str(f"loss {fit(batch):.4f}", refresh=False)
                bar.update()
    """

    monitor_interval = 0  # tqdm starts a thread otherwise

    def __init__(
        self, total: int, description: str, unit: str = "rows", step: int = 1, stream: TextIO | None = None
    ) -> None:
        stream = sys.stdout if stream is None else stream
        terminal = stream.isatty()
        while isinstance(stream, OutputLog | PrintableStream) and terminal:
            stream = stream.stream  # a bar steers the terminal
        seconds = BAR_SECONDS if terminal else LINE_SECONDS
        self.step = step
        super().__init__(
            total=total,
            desc=description,
            unit=unit,
            file=stream if terminal else _Lines(stream),
            leave=False,
            position=0,
            dynamic_ncols=terminal,
            mininterval=seconds,
            delay=seconds,
            miniters=1,
            bar_format="{desc} {n_fmt}/{total_fmt}{postfix}, {speed}" + ("  |{bar}|" if terminal else ""),
        )

    @property
    def format_dict(self) -> dict[str, Any]:
        """The values of the format; `speed` is the rate and the time left."""
        values = super().format_dict
        done, total, elapsed = values["n"], values["total"], values["elapsed"]
        rate = self.step * done / elapsed if elapsed else 0
        left = duration(elapsed / done * (total - done)) if done else "?"
        return values | {"speed": f"{rate:,.{0 if rate >= 10 else 1}f} {values['unit']}/s, {left} left"}


class _Lines:
    """Turns the updates of a bar, which overwrite each other, into lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if text.strip():
            print(text.strip(), file=self._stream, flush=True)

    def flush(self) -> None:
        self._stream.flush()


def duration(seconds: float) -> str:
    """Return a human-readable duration: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
