"""Moves the clock of a Python process by CHAOS_CLOCK seconds; the folder is put on PYTHONPATH."""

import os
import time
from collections.abc import Callable

_OFFSET = float(os.environ.get("CHAOS_CLOCK", "0"))


def _moved(now: Callable[[], float]) -> Callable[[], float]:
    return lambda: now() + _OFFSET


time.time = _moved(time.time)
