"""Engines train trials for the driver. A new one is a module here and a line in `ENGINES`."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from kmlc.tuning.engines.inline import Inline
from kmlc.tuning.engines.processes import Processes
from kmlc.tuning.engines.ray import Ray
from kmlc.tuning.options import EngineName, Options
from kmlc.tuning.outcome import Outcome, Work


class Engine(Protocol):
    """Runs one trial at a time in each of its slots.

    Attributes:
        slots: the number of trials that run at a time.
        attempts: how often a trial is submitted if each of its workers dies.
        deaths: the exceptions of a future whose worker died.
    """

    slots: int
    attempts: int
    deaths: tuple[type[BaseException], ...]

    def submit(self, slot: int, work: Work) -> Future[Outcome]:
        """Start a trial in a free slot, from 0."""

    def check(self) -> None:
        """Raise a `UserError` if no trial can end any more."""

    def close(self) -> None:
        """End all workers at once."""


ENGINES: dict[EngineName, Callable[[Options, Path], Engine]] = {
    "inline": Inline,
    "processes": Processes,
    "ray": Ray,
}
"""The engines by name; each is made from the options and the directory of the study."""


def open_engine(options: Options, folder: Path) -> Engine:
    """Return the engine of the options, whose workers log to `folder`; close it at the end.

    Raises:
        UserError: if the engine cannot start.
    """
    name = options.engine or ("inline" if options.workers in (None, 1) else "processes")
    return ENGINES[name](options, folder)
