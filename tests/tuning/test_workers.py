"""Worker processes of this machine: what they are told, and when they end; scripts stand in for tune.py."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from platform import node

import pytest

from kmlc.commands.tune import WorkCommand, parse
from kmlc.errors import UserError
from kmlc.tuning import chief, workers
from kmlc.tuning.options import Options
from kmlc.tuning.study import Study
from kmlc.tuning.workers import LocalWorkers, local_workers, reachable, worker_flags
from tests.helpers import ROOT
from tests.tuning.tuning_fakes import numbers

Script = Callable[[str], None]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return what makes workers run some Python in place of tune.py."""
    path = tmp_path / "worker.py"
    monkeypatch.setattr(workers, "SCRIPT", path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def write(code: str) -> None:
        path.write_text(code)

    return write


def wait_until(reached: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for_failures(local: LocalWorkers, count: int) -> None:
    wait_until(lambda: len(local.ended()) == count)


def runs(process: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_chief_shows_the_flags_that_its_workers_need() -> None:
    options = Options(chief="0.0.0.0:8500", workers=0, keep=2, share=False, cache="off")
    flags = worker_flags(Study(Path("runs/study")), options, reachable("0.0.0.0:8500"))
    command = parse(flags)
    assert isinstance(command, WorkCommand)
    assert command.worker == f"{node()}:8500"
    assert command.run == Path("runs/study")
    assert command.options == Options(keep=2, share=False, cache="off")
    assert reachable("10.0.0.1:80") == "10.0.0.1:80"


def test_the_environment_of_a_worker(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cpuset counts, not the machine; a GPU is not one worker's alone; what the user set stands."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_CPP_MIN_LOG_LEVEL")
    script(f"import os\nprint(*map(os.environ.get, {names}))")
    monkeypatch.setattr(os, "cpu_count", lambda: 99)
    monkeypatch.delenv(names[0], raising=False)
    monkeypatch.setenv(names[1], "false")
    monkeypatch.setenv(names[2], "3")
    with local_workers(Study(tmp_path), Options(workers=1), "127.0.0.1:1") as local:
        wait_for_failures(local, 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 99
    assert (tmp_path / "worker-1.txt").read_text() == f"{cores} false 3\n"
    monkeypatch.delenv(names[1])
    assert workers._environment()[names[1]] == "true"


def test_a_lost_worker_is_said_once(
    script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second worker of two fails; what an earlier command left in the log stays, and is not its."""
    script(
        "import os, sys, time\n"
        f"if os.path.samestat(os.fstat(1), os.stat({str(tmp_path / 'worker-2.txt')!r})):\n"
        "    print('first')\n    sys.exit('no room')\n"
        "time.sleep(60)"
    )
    (tmp_path / "worker-2.txt").write_text("earlier\n")
    with local_workers(Study(tmp_path), Options(workers=2), "127.0.0.1:1") as local:
        wait_for_failures(local, 1)
        local.ended()
        local.check()
    assert capsys.readouterr().out == "worker 2 ended: no room\n"
    assert (tmp_path / "worker-2.txt").read_text().startswith("earlier\n")


def test_when_all_have_failed_the_first_says_why(script: Script, tmp_path: Path) -> None:
    script("import sys\nsys.exit(3)")
    (tmp_path / "worker-1.txt").write_text("earlier\n")
    with local_workers(Study(tmp_path), Options(workers=2), "127.0.0.1:1") as local:
        wait_for_failures(local, 2)
        with pytest.raises(UserError, match=r"worker-1\.txt: every .* said: nothing said, exit code 3$"):
            local.check()


@pytest.mark.parametrize("deaf", [False, True])
def test_workers_end_soon_after_a_chief_that_was_killed(deaf: bool, script: Script, tmp_path: Path) -> None:
    """Else they train on beside those of the same command given again."""
    script(
        "import signal, time\n"
        "from kmlc.tuning import workers\n"
        "workers._LOOK, workers._GRACE = 0.1, 1\n"
        "workers.end_with_parent()\n"
        + ("signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if deaf else "")
        + "time.sleep(60)"
    )
    lead = (
        "import sys, time\nfrom pathlib import Path\n"
        "from kmlc.tuning import workers\nfrom kmlc.tuning.options import Options\n"
        "from kmlc.tuning.study import Study\n"
        f"workers.SCRIPT, folder = Path({str(workers.SCRIPT)!r}), Path({str(tmp_path)!r})\n"
        "with workers.local_workers(Study(folder), Options(workers=2), '127.0.0.1:1') as local:\n"
        "    print(*(each.process.pid for each in local._workers), flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", lead], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    started = [int(word) for word in process.stdout.readline().split()]
    assert len(started) == 2
    assert all(runs(each) for each in started)
    process.kill()
    process.wait()
    wait_until(lambda: not any(runs(each) for each in started))


@pytest.mark.slow
def test_workers_in_a_trial_end_with_their_chief(script: Script, tmp_path: Path) -> None:
    address, log = f"127.0.0.1:{chief.free_port()}", tmp_path / "log"
    script(
        f"import os, sys\nsys.path.append({str(ROOT / 'tests' / 'tuning')!r})\n"
        "from pathlib import Path\nfrom tuning_fakes import Fake, grid\n"
        "from kmlc.commands.process import command\nfrom kmlc.tuning.chief import work\n"
        "from kmlc.tuning.workers import end_with_parent\n"
        "@command\ndef main(argv):\n"
        "    end_with_parent()\n"
        f"    fake = Fake(Path({str(log)!r}), seconds=60)\n"
        f"    work(grid(), Path({str(tmp_path)!r}), {address!r}, str(os.getpid()), fake)\n"
        "sys.exit(main())"
    )
    lead = (
        f"import sys\nsys.path.append({str(ROOT / 'tests' / 'tuning')!r})\n"
        "from pathlib import Path\nfrom tuning_fakes import grid\n"
        "from kmlc.tuning import chief, workers\nfrom kmlc.tuning.options import Options\n"
        "from kmlc.tuning.study import Study\n"
        f"workers.SCRIPT, folder = Path({str(workers.SCRIPT)!r}), Path({str(tmp_path)!r})\n"
        f"with workers.local_workers(Study(folder), Options(workers=2), {address!r}) as local:\n"
        "    print(*(each.process.pid for each in local._workers), flush=True)\n"
        f"    chief.serve(grid(), folder, {address!r}, local.ended, 60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", lead], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    started = [int(word) for word in process.stdout.readline().split()]
    wait_until(lambda: len(numbers(log, "begin")) == 2, seconds=90)
    process.kill()
    process.wait()
    wait_until(lambda: not any(runs(each) for each in started), seconds=10)
    assert not numbers(log, "end")
