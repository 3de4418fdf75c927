import errno
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from kmlc import lock
from kmlc.errors import UserError
from kmlc.lock import is_locked, locked
from tests.helpers import ROOT

HOLD = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from kmlc.lock import locked
with locked(Path({folder!r})):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds the directory."""
    code = HOLD.format(root=str(ROOT), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        expected = (
            rf"^{re.escape(f'{tmp_path}: in use by process {process.pid} on {socket.gethostname()}')}"
            r" since \d{4}-\d\d-\d\d \d\d:\d\d; wait for it or stop it$"
        )
        with pytest.raises(UserError, match=expected), locked(tmp_path):
            pytest.fail("two processes in one directory")
        assert is_locked(tmp_path)
        process.send_signal(signal.SIGKILL)


def test_a_killed_holder_leaves_the_directory_free(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / ".lock").read_text()


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        1 / 0  # noqa: B018
    assert not is_locked(tmp_path)


def test_without_locks_a_line_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def acquire(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    lock._warn_once.cache_clear()
    monkeypatch.setattr(FileLock, "acquire", acquire)
    done = []
    for _ in range(2):
        with locked(tmp_path):
            done.append(is_locked(tmp_path))
    assert done == [False, False]
    assert capsys.readouterr().out == (
        "No locks on this file system (Function not implemented): do not run two commands on one directory\n"
    )


def test_temporary_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    """`kill -9` left them for ever; those of a running process, and of a directory with a lock, stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    dead, running = f".{process.pid}-state.npz", f".{os.getppid()}-state.npz"
    folders = [tmp_path, tmp_path / "checkpoint", tmp_path / "trial"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for name in (dead, running, "state.npz", ".hidden", f"{process.pid}-x", ".99999999999999999999-x"):
            (folder / name).touch()
    (tmp_path / "trial" / ".lock").touch()
    with locked(tmp_path):
        left = [(folder / dead).exists() for folder in folders]
    assert left == [False, False, True]
    for folder in folders:
        assert {running, "state.npz", ".hidden", f"{process.pid}-x"} <= {
            file.name for file in folder.iterdir()
        }
