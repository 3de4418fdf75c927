"""The worker processes of this machine: started with a share of its cores each, watched, and ended."""

import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from platform import node

from kmlc.errors import UserError
from kmlc.settings import CONFIGS
from kmlc.tuning.options import Options
from kmlc.tuning.study import Study

SCRIPT = CONFIGS.parent / "tune.py"


def worker_id(process: int) -> str:
    """Return the name that a worker goes by, from its process id and machine."""
    # KerasTuner takes a name that holds "chief" for the chief's, so the machine's own name is not in it.
    return f"worker-{process}-{zlib.crc32(node().encode()):08x}"


@dataclass(frozen=True)
class LocalWorker:
    """A worker of this machine.

    Attributes:
        number: its number, from 1.
        process: what runs.
        log: the file that it prints to.
        log_start: how many bytes that file had before.
    """

    number: int
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int

    def last_words(self) -> str:
        """Return the last line that it printed; without one, what it exited with."""
        said = self.log.read_bytes()[self.log_start :].decode(errors="replace")
        return said.strip().rpartition("\n")[2] or f"nothing said, exit code {self.process.poll()}"


class LocalWorkers:
    """Workers of this machine.

    Args:
        workers: those that were started.
    """

    def __init__(self, workers: Sequence[LocalWorker]) -> None:
        self._workers = workers
        self._failed: set[int] = set()

    def ended(self) -> list[str]:
        """Return the names of those that run no longer; of one that failed, print it once."""
        for worker in self._workers:
            if worker.process.poll() and worker.number not in self._failed:
                self._failed.add(worker.number)
                print(f"worker {worker.number} ended: {worker.last_words()}", flush=True)
        return [worker_id(each.process.pid) for each in self._workers if each.process.poll() is not None]

    def check(self) -> None:
        """Raise if all of them have failed.

        Raises:
            UserError: with what the first of them said last.
        """
        if all(worker.process.poll() for worker in self._workers):
            first = self._workers[0]
            raise UserError(f"{first.log}: every worker has ended; the first one said: {first.last_words()}")


@contextmanager
def local_workers(study: Study, options: Options, address: str) -> Iterator[LocalWorkers]:
    """Start the workers that the options ask for; end those that still run when the block ends.

    What a worker prints goes to the end of worker-<n>.txt in the study's directory.
    """
    command = [sys.executable, str(SCRIPT), *worker_flags(study, options, address)]
    workers: list[LocalWorker] = []
    with ExitStack() as stack:
        for number, cores in enumerate(core_shares(options.workers), start=1):
            log = study.path / f"worker-{number}.txt"
            stream = stack.enter_context(log.open("ab"))
            start = log.stat().st_size
            process = subprocess.Popen(command, stdout=stream, stderr=stream, env=_environment())
            stack.callback(_end, process)
            if cores and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, cores)
            workers.append(LocalWorker(number, process, log, start))
        yield LocalWorkers(workers)


def worker_flags(study: Study, options: Options, address: str) -> list[str]:
    """Return the words after `python tune.py` that make a worker of a study.

    Args:
        study: the study.
        options: how its chief was told to train.
        address: the chief's HOST:PORT, as the worker can reach it.

    Example:
        worker_flags(Study(Path("runs/study")), Options(), "10.0.0.1:8500")
    """
    return ["--worker", address, "--run", str(study.path), *options.flags()]


def reachable(address: str) -> str:
    """Return the HOST:PORT at which other machines reach a chief of this one that listens at `address`."""
    host, _, port = address.rpartition(":")
    return f"{node()}:{port}" if host == "0.0.0.0" else address  # That is: every address it has.


def end_with_parent() -> None:
    """End this worker soon after the process that started it, even if that was killed.

    It ends as by Ctrl-C, or at once if that has not helped after some seconds. Nothing is done in a worker
    that `local_workers` did not start. To be called from the main thread.
    """
    parent = int(os.environ.get(_PARENT, 0))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(_GRACE)
        os._exit(130)

    if parent:
        main = threading.get_ident()
        threading.Thread(target=watch, daemon=True).start()


_PARENT = "KMLC_PARENT"
"""The environment variable that tells a worker the process id of who started it."""

_LOOK = 1.0
"""Seconds between two looks whether that one still runs."""

_GRACE = 5.0
"""Seconds that a worker without a parent has to end by itself."""


def _environment() -> dict[str, str]:
    """Return the environment of a worker; what the user set stands."""
    ours = {
        # Workers that are few threads each would add up numbers in another order than one process does.
        "TF_NUM_INTRAOP_THREADS": str(len(_cores()) or os.cpu_count()),
        # The first worker would take all memory of a GPU that they share.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    return ours | os.environ | {_PARENT: str(os.getpid())}


def _cores() -> list[int]:
    """Return the cores that this process may run on; none where nobody can say, as on macOS."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def core_shares(workers: int) -> list[set[int]]:
    """Return the cores of each worker, as even as can be; with fewer cores than workers some share one.

    Where a process cannot be held to cores, as on macOS, the sets are empty.
    """
    cores = _cores()
    if not cores:
        return [set()] * workers
    return [set(cores[number::workers]) or {cores[number % len(cores)]} for number in range(workers)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C would; one that does not listen is killed."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
