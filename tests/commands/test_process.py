"""Exit codes, signals and a closed pipe."""

import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from kmlc.commands.process import Main, command
from kmlc.errors import UserError
from tests.helpers import ROOT


def raising(error: BaseException) -> Main:
    @command
    def main(argv: Sequence[str]) -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("x: expected y"), 2, "x: expected y"),
        (PermissionError(13, "Permission denied", "runs"), 2, "runs: Permission denied"),
        (OSError(28, "No space left on device"), 2, "the disk: No space left on device"),
        (KeyboardInterrupt(), 130, None),
        (SystemExit(0), 0, None),
    ],
)
def test_each_ending_has_its_exit_code(
    error: BaseException, code: int, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error)([]) == code
    written = capsys.readouterr().err
    assert written == ("" if said is None else f"kmlc test_process: error: {said}\n")


@pytest.mark.parametrize("bug", [ValueError("x"), OSError(5, "Input/output error"), BrokenPipeError(32, "x")])
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        raising(bug)([])


def test_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    raising(SystemExit(0))([])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_command_started_in_the_background_of_a_script_can_be_ended(end: signal.Signals) -> None:
    """Shells start such a command with SIGINT ignored, and Python then leaves it so."""
    code = (
        "import sys, time; from kmlc.commands.process import command\n"
        "sys.exit(command(lambda argv: (print('up', flush=True), time.sleep(60)))())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(end)
        assert process.wait(timeout=10) == 130
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("flag", "code"), [("--help", 0), ("--print_config", 141)])
def test_a_closed_pipe_ends_a_command_quietly(flag: str, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "train.py", flag], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == code


def test_a_script_names_itself_in_its_errors() -> None:
    done = subprocess.run(
        [sys.executable, "train.py", "--train.batchsize", "30"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "train.py: error: --train.batchsize: no such flag (did you mean --train.batch_size?); "
        "--help lists them all\n"
    )
