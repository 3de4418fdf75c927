"""The sandbox of the fuzz tests, a data folder and runs in it, and the summary of what they did."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory
from tests.fuzz.harness import INPUTS, LARGE, TOTALS, Sandbox, sandbox_in

STARTED = time.monotonic()


@pytest.fixture(scope="session")
def _root(runs: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    root = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(runs, root / "runs")
    shutil.copytree(data, root / "data")
    with sandbox_in(root) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_root: Sandbox) -> Iterator[Sandbox]:
    """A folder with copies of the data folder `data` and of the finished `runs`, to call commands in."""
    folder = Path.cwd()
    yield _root
    os.chdir(folder)


@pytest.fixture
def restored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore a run that stays as it is once, and not for each prediction."""
    monkeypatch.setattr("kmlc.prediction.predictor.restore", _restore)


_RESTORED: dict[Path, TrainedRun] = {}


def _restore(run: RunDirectory) -> TrainedRun:
    if run.path.parent.name != "runs":  # a copy, which is damaged
        return restore(run)
    if run.path not in _RESTORED:
        _RESTORED[run.path] = restore(run)
    return _RESTORED[run.path]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # a worker of pytest-xdist
        session.config.workeroutput["fuzz"] = {
            "inputs": dict(TOTALS.inputs),
            "kinds": dict(TOTALS.kinds),
            "findings": TOTALS.findings,
            "seconds": TOTALS.seconds,
        }
    elif INPUTS >= LARGE and TOTALS.findings and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of pytest-xdist did."""
    theirs = getattr(node, "workeroutput", {}).get("fuzz")
    if theirs is not None:
        TOTALS.inputs.update(theirs["inputs"])
        TOTALS.kinds.update(theirs["kinds"])
        TOTALS.findings |= theirs["findings"]
        TOTALS.seconds = max(TOTALS.seconds, theirs["seconds"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print each finding once, and one line with all counts."""
    if INPUTS < LARGE:
        return
    for place, details in sorted(TOTALS.findings.items()):
        terminalreporter.section(place, sep="-")
        terminalreporter.write_line(details)
    kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(TOTALS.inputs.items()))
    found = {"traceback": 0, "lost rows": 0} | TOTALS.kinds
    counts = ", ".join(f"{kind}: {count:,}" for kind, count in found.items())
    seed = config.getoption("hypothesis_seed", None) or "random"
    terminalreporter.write_line(
        f"fuzz: {sum(TOTALS.inputs.values()):,} inputs ({kinds}); {counts}; "
        f"{time.monotonic() - STARTED:.0f} s, longest call {TOTALS.seconds:.1f} s; seed {seed}"
    )
