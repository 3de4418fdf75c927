"""Trials in the driver's own process, one after the other."""

from concurrent.futures import Future
from pathlib import Path

from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work


class Inline:
    """One slot, without a worker: an exception of a trial comes out of `submit`."""

    slots = 1
    attempts = 1
    deaths: tuple[type[BaseException], ...] = ()

    def __init__(self, options: Options, folder: Path) -> None:
        pass

    def submit(self, slot: int, work: Work) -> Future[Outcome]:
        """Run a trial to its end."""
        future: Future[Outcome] = Future()
        future.set_result(work())
        return future

    def check(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
