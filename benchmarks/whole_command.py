"""A command in a process of its own: what it costs."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """Seconds of the clock, seconds of processor (user and system), and peak memory in MB."""

    wall: float
    processor: float
    memory: float


def run_python(arguments: Sequence[str], folder: str | Path) -> Cost:
    """Run Python with the arguments in a folder.

    Raises:
        RuntimeError: if it fails, with what it wrote to its standard error.

    Example:
        run_python(["-m", "kmlc", "train", "--model", "mlp"], "work").processor
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {errors.decode()}")
    wall, kilobytes = time.perf_counter() - began, 1 if sys.platform == "linux" else 1 / 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobytes / 1000)
