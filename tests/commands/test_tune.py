"""The flags of `tune.py`."""

from pathlib import Path

import pytest

from kmlc.commands.tune import main, parse
from kmlc.errors import UserError
from kmlc.tuning.options import Options
from kmlc.tuning.start import start_or_continue, unfinished_study


def error_of(*arguments: str) -> str:
    with pytest.raises(UserError) as raised:
        parse(arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_flags_set_the_options_of_the_engine() -> None:
    flags = ["--engine=ray", "--workers=3", "--address=10.0.0.1:6379", "--cpus=4", "--gpus=0.5"]
    command = parse(["--grid=report2", *flags, "--keep=2", "--no-share", "--cache=off", "--cache-gb=2.5"])
    assert command.options == Options("ray", 3, "10.0.0.1:6379", 4, 0.5, 2, False, "off", 2.5)
    assert parse(["--grid=report2"]).options == Options()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fraction=nan"], "--fraction: expected a number above 0, up to 1; got nan"),
        (["--cache-gb=inf"], "--cache-gb: expected a number above 0, up to 1000000; got inf"),
        (["--cache-gb=nan"], "--cache-gb: expected a number above 0, up to 1000000; got nan"),
        (["--workers=1" + "0" * 400], None),
        (["--workers=0"], "--workers: expected a whole number above 0; got 0"),
        (["--engine=inline", "--workers=2"], "--engine inline: expected no more than one worker; got "),
        (["--workers=2", "--gpus=1"], "--gpus: goes with --engine ray; got 1.0 without it"),
        (["--engine=inline", "--cpus=4"], "--cpus: goes with --engine ray; got 4.0 without it"),
        (["--engine=processes", "--address=x"], "--address: goes with --engine ray; got x without it"),
        (["--engine=ray", "--cpus=inf"], "--cpus: expected a number from 0.0001 to 1000000; got inf"),
        (["--engine=ray", "--cpus=0.00001"], "--cpus: expected a number from 0.0001 to 1000000; got 1e-05"),
        (["--engine=ray", "--gpus=1.5"], "--gpus: expected a fraction of one GPU, or whole ones; got 1.5"),
        (
            ["--seed=4294967295", "--seeds=2"],
            "--seeds 2: expected seeds up to 4294967295; got 4294967295 and those after it",
        ),
        (["--engine=slurm"], "--engine: expected one of inline, processes, ray"),
        (["--search=random"], "--search random: expected --trials, the number of trials; got none"),
        (["--model=vgg16"], "--model: the grid names the model; expected no --model with --grid report2"),
        (["--model", "vgg16"], "--model: the grid names the model; expected no --model with --grid report2"),
        (["--train.epochs=2"], "--train.epochs: varies in the grid report2"),
    ],
)
def test_a_wrong_flag_is_an_error_that_names_it(flags: list[str], said: str | None) -> None:
    arguments = ["--grid", "report2", *flags]
    if said is None:
        parse(arguments)
    else:
        assert said in error_of(*arguments)


def test_a_name_that_is_too_long_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--grid=report2", f"--run={'x' * 300}"]) == 2
    assert capsys.readouterr().err.endswith(": File name too long\n")


def test_settings_override_the_grid_and_the_last_one_wins() -> None:
    command = parse(["--grid=report2", "--seed=1", "--images.size", "48", "--seed=2"])
    assert command.study.settings == {"images.size": 48, "seed": 2}


def test_a_study_of_numbers_given_as_flags_can_be_saved_and_read(tmp_path: Path) -> None:
    """They came as jsonargparse's own kinds of numbers, which YAML refuses."""
    flags = ["--trials=3", "--fraction=0.5", "--seeds=2", "--cache-gb=2", "--workers=2"]
    command = parse(["--grid=report2", *flags])
    study = start_or_continue(command.study, tmp_path / "study")
    assert unfinished_study(command.study, study.path) == study
    assert (type(command.study.max_trials), type(command.options.cache_gb)) == (int, float)
