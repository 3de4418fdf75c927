"""Exit codes, signals and a closed pipe."""

import gc
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kmlc.commands.process import Main, command, quiet_imports
from kmlc.commands.train import main as train
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


def test_a_signal_that_became_another_error_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """It came while Python made a class of matplotlib, and ended in a traceback of a RuntimeError."""
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = KeyboardInterrupt()
    assert raising(error)([]) == 130
    assert capsys.readouterr().err == ""


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


@pytest.mark.parametrize("flag", ["--help", "--print_config"])
def test_a_closed_pipe_ends_a_command_quietly(flag: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "train.py", flag], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


PRINTING = """
import sys, time
from kmlc.commands.process import command
from kmlc.files import write_text
from kmlc.output_log import logged_output
from pathlib import Path

@command
def main(argv):
    with logged_output() as log:
        log.save_to(Path(argv[0]))
        for number in range(600):
            print("epoch", number, "\\u2026")
            time.sleep(0.01)

sys.exit(main())
"""
"""A command that prints for six seconds."""


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which $KMLC is the command that prints."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        env=os.environ | {"CODE": PRINTING, "PYTHON": sys.executable} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


KMLC = '"$PYTHON" -c "$CODE" "$LOG"'


def test_head_ends_a_command_at_its_next_line_without_a_traceback(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    done = shell(f"{KMLC} | head -1; echo ${{PIPESTATUS[0]}}", LOG=str(log))
    assert (done.stdout, done.stderr) == ("epoch 0 …\n141\n", "")
    assert log.read_text().startswith("epoch 0 …\n")
    assert len(log.read_text().splitlines()) < 600


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("{} >&-", 0, ""),
        ("{} 2>&-", 0, ""),
        ("{} >&- 2>&- <&-", 0, ""),
        ("{} 2>full", 0, ""),
        ("{} >full", 2, "kmlc: error: the output: No space left on device\n"),
        ("{} >full 2>&1", 2, ""),
        ("LC_ALL=C PYTHONUTF8=0 {}", 0, ""),
        ("PYTHONIOENCODING=ascii {}", 0, ""),
        ("PYTHONIOENCODING=utf-16 {}", 0, ""),
    ],
)
def test_no_stream_ends_a_command_in_a_traceback(line: str, code: int, said: str, tmp_path: Path) -> None:
    full, log = tmp_path / "full", tmp_path / "train.log"
    if "full" in line:
        try:
            os.mknod(full, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
            full.open("wb").close()
        except OSError:
            pytest.skip("makes a device, which only root may")
    quick = PRINTING.replace("600", "3")
    done = shell(line.format(KMLC).replace("full", f'"{full}"'), LOG=str(log), CODE=quick)
    assert (done.returncode, done.stderr) == (code, said)
    if code == 0:
        assert log.read_text().splitlines() == ["epoch 0 …", "epoch 1 …", "epoch 2 …"]


def test_arguments_cannot_steer_the_terminal_and_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["--model", "\x1b[31m\n\u202e"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.isascii()
    assert train(["--data", "x" * 1_000_000 + "/\0"]) == 2
    assert len(capsys.readouterr().err) < 2100


def test_arguments_that_are_no_unicode_are_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "train.py", b"--data=/tmp/\xff"], cwd=ROOT, capture_output=True, check=False
    )
    expected = b"train.py: error: --data: expected text of Unicode without NUL; got '/tmp/\\udcff'\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_a_name_outside_the_encoding_of_the_system_is_one_line() -> None:
    code = (
        "import sys; from kmlc.commands.process import command\n"
        "sys.exit(command(lambda argv: open('/tmp/\\u00e4'))())"
    )
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "kmlc: error: '/tmp/\\xe4': no file name in the encoding of this system, ascii; set PYTHONUTF8=1\n",
    )


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


def test_a_signal_while_python_exits_prints_no_traceback(tmp_path: Path) -> None:
    code = (
        f"import atexit, os, signal, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from kmlc.commands.process import command\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "sys.exit(command(lambda argv: None)())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_an_unknown_backend_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "zzz")
    expected = r"^KERAS_BACKEND: expected one of tensorflow, .*; got zzz$"
    with pytest.raises(UserError, match=expected), quiet_imports():
        pass


def test_what_was_imported_is_no_garbage_to_look_at() -> None:
    """A quarter of the imports went into looking for garbage among the modules of TensorFlow."""
    with quiet_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_a_signal_that_comes_while_an_object_is_destroyed_is_not_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Python drops exceptions of `__del__`: the training went on after Ctrl-C, beside a traceback."""

    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def body(argv: Sequence[str]) -> None:
        Dying()
        time.sleep(5)

    assert command(body)([]) == 130
    assert capsys.readouterr().err == ""
