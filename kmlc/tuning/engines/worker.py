"""What the workers of all engines have in common. Nothing here imports TensorFlow."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO, cast

from kmlc.printable import PrintableStream
from kmlc.tensorflow_variables import VARIABLES


def environment() -> dict[str, str]:
    """Return the environment variables that a worker needs before TensorFlow is imported.

    What the user has set is not changed.
    """
    threads = str(len(_cores()) or os.cpu_count())
    ours = VARIABLES | {
        # With other numbers of threads TensorFlow adds up in another order, and the results differ. These are
        # the numbers that it takes in a process of its own, whatever cores a worker is held to.
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        # The first worker would take all memory of a GPU that several share.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    return ours | {name: os.environ[name] for name in ours if name in os.environ}


def set_up(variables: Mapping[str, str], log: Path) -> None:
    """Set the environment of this worker, and append to `log` what it prints from now on."""
    os.environ.update(variables)
    with log.open("ab") as stream:
        for output in (sys.stdout, sys.stderr):
            output.flush()
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    sys.stdout = cast(TextIO, PrintableStream(sys.stdout))
    sys.stderr = cast(TextIO, PrintableStream(sys.stderr))


def core_shares(workers: int) -> list[set[int]]:
    """Return the cores of each worker, as even as can be; with fewer cores than workers some share one.

    Where a process cannot be held to cores, as on macOS, the sets are empty.
    """
    cores = _cores()
    if not cores:
        return [set()] * workers
    return [set(cores[number::workers]) or {cores[number % len(cores)]} for number in range(workers)]


def _cores() -> list[int]:
    """Return the cores that this process may run on; none where that is unknown, as on macOS."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
