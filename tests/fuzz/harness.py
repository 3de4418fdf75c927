"""Calls commands with inputs of every kind, and checks what holds for all of them.

A command ends with exit code 0, or with 2 and one line; it prints no control characters; it writes only where
it was told to; it needs neither much memory nor much time. What breaks one of these is a `Finding`.

The environment variable FUZZ is the number of inputs of all tests together. From `LARGE` on a finding does
not end a test: all are counted, and listed once each at the end.
"""

import functools
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from kmlc.commands.process import Main
from kmlc.printable import printable

ALL = 20_000
"""About what the shares of the tests, given to `fuzz`, come to."""
INPUTS = int(os.environ.get("FUZZ", "40"))
LARGE = 2_000
SECONDS = 120
"""The most that one call may take; generous, because the machine may be busy."""
MEMORY = 1_000_000_000
"""The most bytes by which one call may raise the peak memory of the process."""


class Finding(AssertionError):
    """A property that does not hold.

    Attributes:
        kind: "traceback", "lost rows", or another property.
        place: what tells one finding from another, such as the line that raised.
    """

    def __init__(self, kind: str, place: str, details: str = "") -> None:
        super().__init__(f"{kind}: {place}\n{details}")
        self.kind, self.place, self.details = kind, place, details


@dataclass
class Totals:
    """What all tests have done so far, in values that pytest-xdist can send.

    Attributes:
        inputs: the number of inputs of each kind.
        kinds: the number of findings of each kind.
        findings: the first finding at each place, with its input.
        seconds: the longest call.
    """

    inputs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, finding: Finding, given: object) -> None:
        """Count a finding; keep it if it is the first at its place."""
        self.kinds[finding.kind] += 1
        self.findings.setdefault(
            f"{finding.kind}: {finding.place}", f"{finding.details}\ninput: {str(given)[:1500]}"
        )


TOTALS = Totals()


def fuzz(kind: str, share: int, inputs: int = 1, **strategies: SearchStrategy[Any]) -> Callable[[Any], Any]:
    """Give a test its share of the inputs, drawn from the strategies.

    Args:
        kind: what the inputs are, for the summary.
        share: how many of `ALL` inputs the test takes.
        inputs: how many inputs one call of the test counts as.
        strategies: what each argument of the test is drawn from.

    Example:
        @fuzz("tables", 500, content=st.binary())
        def test_any_bytes(sandbox: Sandbox, content: bytes) -> None:
            ...
    """

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def counted(*fixtures: Any, **arguments: Any) -> None:
            TOTALS.inputs[kind] += inputs
            try:
                test(*fixtures, **arguments)
            except Finding as finding:
                TOTALS.note(finding, {name: arguments[name] for name in strategies})
                if INPUTS < LARGE:
                    raise

        budget = settings(
            max_examples=max(2, share * INPUTS // (ALL * inputs)),
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),  # making inputs smaller takes a hundred calls
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        return budget(given(**strategies)(counted))

    return decorate


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    def check(self) -> None:
        """Check the exit code and the output.

        Raises:
            Finding: for another exit code, an error of more than one line, or a control character.
        """
        last = "\n".join(self.err.splitlines()[-12:])
        if self.code not in (0, 2):
            raise Finding("traceback", f"exit code {self.code}: {self.err.splitlines()[-1:]}", last)
        if self.code == 2 and (self.err.count("\n") != 1 or not self.err.endswith("\n")):
            raise Finding("not one line", repr(self.err[:60]), last)
        for text in (self.out, self.err):
            for line in text.split("\n"):
                if printable(line) != line:
                    raise Finding("control character", repr(line[:40]), repr(line[:400]))


@dataclass(frozen=True)
class Sandbox:
    """A folder where commands are called; nothing outside `work` may change, and in it only what is named.

    Attributes:
        root: the folder; caches and temporary files are in it too.
    """

    root: Path

    @property
    def work(self) -> Path:
        """The current folder of the commands."""
        return self.root / "work"

    def clear(self) -> Path:
        """Empty the current folder of the commands, enter it, and return it."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        os.chdir(self.work)
        return self.work

    def call(self, main: Main, *arguments: object, writes: Sequence[str] = ()) -> Outcome:
        """Call a command in this process.

        Args:
            main: the command.
            arguments: its command-line arguments.
            writes: the files and folders, in `work`, that it may write.

        Raises:
            Finding: if a property does not hold.
        """
        before, peak, started = self.files(writes), _peak_memory(), time.monotonic()
        out, err = (
            io.TextIOWrapper(io.BytesIO(), "utf-8", errors=way) for way in ("strict", "backslashreplace")
        )
        try:
            with _alarm(), _process_state(), redirect_stdout(out), redirect_stderr(err):
                code = main([str(each) for each in arguments])
        except Exception as error:
            raise _traceback(error) from error
        TOTALS.seconds = max(TOTALS.seconds, time.monotonic() - started)
        outcome = Outcome(code, *(_content(stream) for stream in (out, err)))
        outcome.check()
        self.check_files(before, writes)
        if (grown := _peak_memory() - peak) > MEMORY:
            raise Finding("memory", f"{grown / 1e9:.1f} GB more")
        return outcome

    def files(self, writes: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Return what is at each path, except where the command may write."""
        allowed = {str(self.root / "cache"), *(str(self.work / each) for each in writes)}
        found: dict[str, tuple[int, ...]] = {}
        folders = [str(self.root)]
        while folders:
            for entry in os.scandir(folders.pop()):
                # TensorFlow removes its files when the process ends.
                if entry.path in allowed or entry.name.startswith("__autograph_generated_file"):
                    continue
                facts = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    found[entry.path] = (facts.st_mode,)
                else:
                    found[entry.path] = (facts.st_mode, facts.st_size, facts.st_mtime_ns)
        return found

    def check_files(self, before: dict[str, tuple[int, ...]], writes: Sequence[str]) -> None:
        """Check that nothing has changed since `files(writes)` returned `before`.

        Raises:
            Finding: with the paths that changed.
        """
        after = self.files(writes)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        if changed:
            names = [os.path.relpath(path, self.root) for path in changed]
            raise Finding("written elsewhere", Path(names[0]).name, "\n".join(names[:20]))


@contextmanager
def sandbox_in(root: Path) -> Iterator[Sandbox]:
    """Yield a sandbox in `root`, where caches and temporary files go too; afterwards all is as it was."""
    folder, temporary, environment = Path.cwd(), tempfile.tempdir, dict(os.environ)
    for name in ("cache", "tmp"):
        (root / name).mkdir()
    os.environ |= {"XDG_CACHE_HOME": str(root / "cache"), "TMPDIR": str(root / "tmp")}
    tempfile.tempdir = str(root / "tmp")
    try:
        yield Sandbox(root)
    finally:
        os.chdir(folder)
        tempfile.tempdir = temporary
        os.environ.clear()
        os.environ |= environment


def _traceback(error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "kmlc/" in frame.filename and "tests/" not in frame.filename]
    place = [f"{frame.filename[frame.filename.rindex('kmlc/') :]}:{frame.lineno}" for frame in ours[-1:]]
    details = "".join(traceback.format_exception(error)[-8:])
    return Finding("traceback", f"{type(error).__name__} at {', '.join(place)}", details)


def _content(stream: io.TextIOWrapper) -> str:
    stream.flush()
    content: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return content.decode("utf-8")


def _peak_memory() -> int:
    # In bytes on macOS, in kB elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _alarm() -> Iterator[None]:
    def too_slow(*_: object) -> None:
        raise TimeoutError(f"took more than {SECONDS} seconds")

    earlier = signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


@contextmanager
def _process_state() -> Iterator[None]:
    """Put back what a command sets for its whole process."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        yield
    finally:
        if cores is not None:
            os.sched_setaffinity(0, cores)
        if "keras" in sys.modules:
            sys.modules["keras"].mixed_precision.set_dtype_policy("float32")
