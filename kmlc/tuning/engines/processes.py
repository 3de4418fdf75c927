"""Trials in processes of this machine, each with its share of the cores."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from kmlc.tuning.engines.worker import core_shares, environment, set_up
from kmlc.tuning.options import Options
from kmlc.tuning.outcome import Outcome, Work


class Processes:
    """A process for each slot, started for its first trial and again after its death.

    Each is a pool of its own, because a death breaks a whole pool. What a worker prints goes to the end of
    worker-<n>.txt in the study's directory.
    """

    attempts = 3
    deaths: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, options: Options, folder: Path) -> None:
        self.slots = options.workers or 1
        self._folder = folder
        self._cores = core_shares(self.slots)
        self._workers: dict[int, _Worker] = {}

    def submit(self, slot: int, work: Work) -> Future[Outcome]:
        """Start a trial in a free slot, from 0."""
        if slot in self._workers:
            try:
                return self._workers[slot].submit(work)
            except BrokenExecutor:
                self._workers[slot].close()
        self._workers[slot] = _Worker(self._cores[slot], self._folder / f"worker-{slot + 1}.txt")
        return self._workers[slot].submit(work)

    def check(self) -> None:
        """Do nothing: a death ends the future."""

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers.values():
            worker.close()


class _Worker:
    """A process on a leash: a pipe whose other end only the driver has, and closes even when it is killed."""

    def __init__(self, cores: set[int], log: Path) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit TensorFlow's locks and threads
        leash, self._leash = context.Pipe(duplex=False)
        arguments = (leash, cores, environment(), log)
        self._pool = ProcessPoolExecutor(1, context, _start, arguments)

    def submit(self, work: Work) -> Future[Outcome]:
        # A process that starts inherits what is blocked: Ctrl-C reaches the driver, which ends its workers.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._last = self._pool.submit(work)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return self._last

    def close(self) -> None:
        """End the process, at once if a trial runs; an idle one ends by itself, and frees its semaphores."""
        if not self._last.done():
            self._leash.close()
        self._pool.shutdown()
        self._leash.close()


def _start(leash: Connection, cores: set[int], variables: Mapping[str, str], log: Path) -> None:
    """Set up this worker, before it imports anything of a trial."""
    threading.Thread(target=_end_with_driver, args=(leash,), daemon=True).start()
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    set_up(variables, log)


def _end_with_driver(leash: Connection) -> None:
    try:
        leash.recv()
    except EOFError:
        os._exit(1)
