"""A folder in memory for decoded images, for as long as a command runs."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kmlc.errors import UserError
from kmlc.lock import is_locked, locked

MEMORY = Path("/dev/shm")
"""Linux's file system in memory."""

_OWNER = "owner"
"""The folder in a cache that is locked for as long as its command runs."""


@contextmanager
def memory_cache() -> Iterator[Path]:
    """Yield a new folder in memory, which others cannot read, and remove it at the end.

    A command that is killed leaves it: `remove_abandoned`, called by the next one, gives the memory back.

    Raises:
        UserError: if this machine has no file system in memory, or it is full.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="kmlc-", dir=MEMORY))
    except OSError as error:
        raise UserError(
            f"--cache memory: expected a file system in memory, {MEMORY}: {error.strerror}"
        ) from None
    try:
        (folder / _OWNER).mkdir()
        with locked(folder / _OWNER):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of commands that were killed."""
    for owner in MEMORY.glob(f"kmlc-*/{_OWNER}"):
        if not is_locked(owner):
            shutil.rmtree(owner.parent, ignore_errors=True)
