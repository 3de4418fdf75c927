"""One process at a time in a directory; the operating system releases the lock when the process dies."""

import functools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from kmlc.errors import UserError
from kmlc.files import is_left_behind


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of a directory while the block runs.

    The lock is the file `.lock` in the directory; it says who holds it and stays there afterwards. On a file
    system without locks a line says so once, and the block runs unprotected. Temporary files that a killed
    process left in the directory are removed first.

    Args:
        folder: the directory.
        wait: whether to wait for another process that holds the directory.

    Raises:
        UserError: if another process holds the directory and `wait` is false: with its process id, its host
            and since when.

    Example:
        with locked(Path("runs/mine")):
            ...
    """
    lock = _lock(folder)
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        holder = _file(folder).read_text(encoding="utf-8").strip() or "another process"
        raise UserError(f"{folder}: in use by {holder}; wait for it or stop it") from None
    except OSError as error:
        _warn_once(error.strerror)
        yield
        return
    try:
        holder = f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M}"
        with suppress(OSError):  # a full disk
            _file(folder).write_text(holder + "\n", encoding="utf-8")
        _remove_left_behind(folder)
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return whether a process holds the directory; False on a file system without locks."""
    lock = _lock(folder)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _remove_left_behind(folder: Path) -> None:
    for path, folders, names in os.walk(folder):
        if Path(path) != folder and _file(folder).name in names:
            folders.clear()  # this one has its own lock
            continue
        for name in filter(is_left_behind, names):
            with suppress(OSError):
                (Path(path) / name).unlink()


def _lock(folder: Path) -> FileLock:
    # filelock's substitute for missing locks, a file that exists, would outlive a killed process.
    return FileLock(_file(folder), fallback_to_soft=False)


def _file(folder: Path) -> Path:
    return folder / ".lock"


@functools.cache
def _warn_once(reason: str | None) -> None:
    print(f"No locks on this file system ({reason}): do not run two commands on one directory", flush=True)
