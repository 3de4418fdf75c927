"""The flags of `tune.py`."""

from pathlib import Path

import pytest

from kmlc.commands.tune import TuneCommand, WorkCommand, parse
from kmlc.errors import UserError
from kmlc.tuning.options import Options

WORKER = ["--worker", "10.0.0.1:8500", "--run", "runs/study"]


def error_of(*arguments: str) -> str:
    with pytest.raises(UserError) as raised:
        parse(arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_a_worker_is_told_how() -> None:
    options = Options(keep=3, share=False, cache="memory", cache_gb=2.5)
    command = parse([*WORKER, *options.flags()])
    assert command == WorkCommand("10.0.0.1:8500", Path("runs/study"), options)


@pytest.mark.parametrize(
    "flag",
    [
        *("--data=x", "--workers=2", "--trials=3", "--fraction=0.5", "--seeds=2", "--search=random"),
        *("--objective=val_loss", "--dry-run", "--chief=10.0.0.1:8500", "--grid=report2", "--seed=3"),
    ],
)
def test_what_a_worker_would_ignore_is_refused(flag: str) -> None:
    assert error_of(*WORKER, flag).startswith(f"{flag}: not beside --worker")


def test_a_worker_needs_a_study() -> None:
    assert error_of("--worker", "10.0.0.1:8500").startswith("--worker: expected --run STUDY beside it")


@pytest.mark.parametrize("flag", ["--chief", "--worker"])
@pytest.mark.parametrize(
    "address",
    ["", "8500", ":8500", "host:", "host:0", "host:65536", "host:x", "host:-1", "host:²", "host:8_0"],
)
def test_no_address_is_refused_at_once(flag: str, address: str) -> None:
    assert f"{flag}: expected HOST:PORT, such as 10.0.0.1:8500; got {address!r}" in error_of(
        f"{flag}={address}"
    )


@pytest.mark.parametrize("address", ["10.0.0.1:8500", "machine:1", "[::1]:65535"])
def test_addresses(address: str) -> None:
    assert parse(["--worker", address, "--run", "x"]) == WorkCommand(address, Path("x"), Options())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fraction=nan"], "--fraction: expected a number above 0, up to 1; got nan"),
        (["--cache-gb=inf"], "--cache-gb: expected a number above 0, up to 1000000; got inf"),
        (["--cache-gb=nan"], "--cache-gb: expected a number above 0, up to 1000000; got nan"),
        (["--workers=1" + "0" * 400], None),
        (["--workers=0"], "--workers 0: expected --chief beside it"),
        (["--workers=0", "--dry-run"], "--workers 0: expected --chief beside it"),
        (["--workers=0", "--dry-run", "--chief=a:1"], "--dry-run: expected --workers from 1 up"),
        (["--model=vgg16"], "--model: the grid names the model; got it beside --grid report2"),
        (["--model", "vgg16"], "--model: the grid names the model; got it beside --grid report2"),
        (["--train.epochs=2"], "--train.epochs: varies in the grid report2"),
    ],
)
def test_wrong_flags(flags: list[str], said: str | None) -> None:
    arguments = ["--grid", "report2", *flags]
    if said is None:
        parse(arguments)
    else:
        assert said in error_of(*arguments)


def test_settings_lie_over_those_of_the_grid_and_the_last_counts() -> None:
    command = parse(["--grid=report2", "--seed=1", "--images.size", "48", "--seed=2"])
    assert isinstance(command, TuneCommand)
    study = command.study
    assert study is not None
    assert study.flags == ["--images.size=48", "--seed=2"]
