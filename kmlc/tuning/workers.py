"""The worker processes of this machine: started with a share of its cores each, watched, and ended."""

import os
import subprocess
import sys
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
class LocalWorkers:
    """Workers of this machine.

    Attributes:
        processes: one for each.
        logs: what each prints.
    """

    processes: Sequence[subprocess.Popen[bytes]]
    logs: Sequence[Path]

    def ended(self) -> list[str]:
        """Return the names of those that run no longer."""
        return [worker_id(process.pid) for process in self.processes if process.poll() is not None]

    def check(self) -> None:
        """Raise if all of them have failed.

        Raises:
            UserError: with what the first of them said last.
        """
        if all(process.poll() for process in self.processes):
            log = self.logs[0]
            last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            raise UserError(f"{log}: every worker has ended; the first one said: {last or 'nothing'}")


@contextmanager
def local_workers(study: Study, options: Options, address: str) -> Iterator[LocalWorkers]:
    """Start the workers that the options ask for; end those that still run when the block ends.

    What a worker prints goes to worker-<n>.txt in the study's directory.
    """
    # Workers that are few threads each would add up numbers in another order than one process does.
    environment = os.environ | {"TF_NUM_INTRAOP_THREADS": str(os.cpu_count())}
    command = [sys.executable, str(SCRIPT), "--worker", address, "--run", str(study.path), *options.flags()]
    processes = []
    logs = [study.path / f"worker-{number}.txt" for number in range(1, options.workers + 1)]
    with ExitStack() as stack:
        for path, cores in zip(logs, core_shares(options.workers), strict=True):
            log = stack.enter_context(path.open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            stack.callback(_end, process)
            if cores and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, cores)
            processes.append(process)
        yield LocalWorkers(processes, logs)


def core_shares(workers: int) -> list[set[int]]:
    """Return the cores of each worker, as even as can be; with fewer cores than workers some share one.

    Where a process cannot be held to cores, as on macOS, the sets are empty.
    """
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * workers
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[number::workers]) or {cores[number % len(cores)]} for number in range(workers)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C would; one that does not listen is killed."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
