"""Faults: what is done to a command while it runs, or to its folder between two processes."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.command_specs import RUN, CommandSpec
from tests.helpers import ROOT, edit

CLOCK = Path(__file__).parent / "clock"
YEAR = 365 * 86_400
LIMIT = 300
"""Seconds after which a process counts as hanging."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        fault: what was done to it; empty if it ended before that.
        code: its exit code, negative for a signal.
        output: its last lines.
        problem: what is wrong about that, empty if nothing is.
    """

    fault: str
    code: int
    output: str
    problem: str


@dataclass(frozen=True)
class Workspace:
    """The folder of a scenario, and how long a process takes in it without faults.

    Attributes:
        folder: holds the data and the directory of the run or study.
        spec: the command.
        total: seconds of the reference process.
        chance: the scenario's random numbers.
        outputs: what each process printed, by its id.
    """

    folder: Path
    spec: CommandSpec
    total: float
    chance: random.Random
    outputs: dict[int, Path] = field(default_factory=dict)

    @property
    def run(self) -> Path:
        """The directory of the run or study."""
        return self.folder / RUN

    @property
    def started(self) -> bool:
        """Whether there is a run or study that can be continued."""
        return self.spec.started(self.run)

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        prefix: Sequence[str] = (),
    ) -> subprocess.Popen[str]:
        """Start Python as a user in the folder would, in a session of its own; a new file gets its output."""
        variables = os.environ | {
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        number = len(list(self.folder.glob("output-*.txt")))
        with (self.folder / f"output-{number:02d}.txt").open("w") as output:
            process = subprocess.Popen(
                [*prefix, sys.executable, *arguments],
                cwd=self.folder,
                stdout=output,
                stderr=output,
                text=True,
                env=variables | dict(environment or {}),
                start_new_session=True,
                preexec_fn=before,
            )
        self.outputs[process.pid] = Path(output.name)
        return process

    def end(
        self, process: subprocess.Popen[str], fault: str, codes: Sequence[int], expected: str = ""
    ) -> Ended:
        """Wait for a process and check its exit code, its output, and that no process of its is left."""
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Ended(fault, -9, self._tail(process), f"did not end within {LIMIT} s")
        output = self.outputs[process.pid].read_text(errors="replace")
        problem = ""
        if "Traceback" in output:
            problem = "a traceback"
        elif code not in codes:
            problem = f"exit code {code}, expected one of {list(codes)}"
        elif code == 2 and expected not in output:
            problem = f"expected a line with {expected!r}"
        elif not _wait_until(lambda: not _session(process.pid), 20):
            problem = f"processes left: {_session(process.pid)}"
            os.killpg(process.pid, signal.SIGKILL)
        return Ended(fault, code, self._tail(process), problem)

    def _tail(self, process: subprocess.Popen[str]) -> str:
        lines = self.outputs[process.pid].read_text(errors="replace").splitlines()
        return "\n".join(lines[-6:])

    def run_to_end(self, arguments: Sequence[str]) -> Ended:
        """Run a process to its end."""
        return self.end(self.start(arguments), "", (0,))

    def next_arguments(self) -> Sequence[str]:
        """Return the arguments of the next process."""
        return self.spec.start_or_continue(self.run, self.chance)


def stop(workspace: Workspace) -> Ended:
    """Stop the command at a random moment, most often after its preparations, by a random signal."""
    number = workspace.chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    began = time.time()
    process = workspace.start(workspace.next_arguments())
    if workspace.chance.random() < 0.75:
        marker = workspace.run / workspace.spec.begun
        _wait_until(
            lambda: process.poll() is not None or (marker.is_file() and marker.stat().st_mtime >= began),
            workspace.total,
        )
        left = workspace.total - (time.time() - began)
        moment = workspace.chance.uniform(0, max(left, 1))
    else:
        moment = workspace.chance.uniform(0, workspace.total)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        # Ctrl-C in a terminal reaches all processes of a command, kill only the one that it names.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        return workspace.end(process, f"stop {number.name}", (0, 130, -number))
    return workspace.end(process, "", (0,))


def full_disk(workspace: Workspace) -> Ended:
    """Let no file grow over a random size, as on a full disk."""
    size = int(2 ** workspace.chance.uniform(12, 20))  # what the command prints goes into a file, too
    process = workspace.start(
        workspace.next_arguments(), before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    )
    return workspace.end(process, f"full disk at {size} bytes", (0, 2), "error: ")


def read_only(workspace: Workspace) -> Ended:
    """Make the folder read-only."""
    folder = workspace.folder
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    # The shell's working directory is still the one below the mount.
    prefix = ("unshare", "-m", "sh", "-c", f'{mount} && cd {folder} && exec "$@"', "sh")
    process = workspace.start(workspace.next_arguments(), prefix=prefix)
    return workspace.end(process, "read-only", (2,), "error: ")


def can_mount() -> bool:
    """Return whether this user may make a folder read-only."""
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode
    )


def two_at_once(workspace: Workspace) -> Ended:
    """Start a second process while the first one works: one of them is refused, the other one finishes."""
    first = workspace.start(workspace.next_arguments())
    marker, began = workspace.run / workspace.spec.begun, time.time()
    _wait_until(
        lambda: first.poll() is not None or (marker.is_file() and marker.stat().st_mtime >= began - 1),
        workspace.total,
    )
    second = workspace.start(workspace.next_arguments())
    ended = workspace.end(second, "two at once", (0, 2), "error: ")
    if first.wait(LIMIT) not in (0, 2):
        return Ended(
            "two at once", first.returncode, ended.output, f"the first ended with {first.returncode}"
        )
    return ended


def moved_clock(workspace: Workspace) -> Ended:
    """Move the clock by up to a year, and the times of the files likewise."""
    for path in workspace.run.rglob("*") if workspace.run.is_dir() else ():
        moved = path.stat().st_mtime + workspace.chance.uniform(-YEAR, YEAR)
        os.utime(path, (moved, moved))
    offset = workspace.chance.uniform(-YEAR, YEAR)
    environment = {"PYTHONPATH": f"{CLOCK}:{ROOT}", "CHAOS_CLOCK": str(offset)}
    return workspace.end(workspace.start(workspace.next_arguments(), environment), "moved clock", (0,))


def changed_data(workspace: Workspace) -> Ended:
    """Change a caption or a label of a run that has begun; afterwards it is as it was."""
    table = workspace.folder / "data" / "train.csv"
    before = table.read_bytes()
    old, new = workspace.chance.choice((("seen from afar", "seen from near"), ("0.jpg,1", "0.jpg,3")))
    edit(table, old, new)
    ended = workspace.end(workspace.start(workspace.next_arguments()), "changed data", (2,), "changed since")
    table.write_bytes(before)
    return ended


def _session(leader: int) -> list[int]:
    """Return the processes of a session that are not its leader and not dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def _wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
