"""The command line: settings from YAML and flags, and errors as one line.

`parse_train` turns `sys.argv` into a `Config`; `load_config` reads the `config.yaml` of a run; `guard` runs a
command so that what a user can mend ends in one line and exit code 2. Nothing here imports TensorFlow, so
that `--help` answers at once.
"""

import argparse
import dataclasses
import difflib
import errno
import functools
import os
import re
import signal
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml
from jsonargparse import ArgumentParser

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_yaml, write_yaml

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

# Flags of train.py that are not settings of the run.
_NOT_SETTINGS = ("config", "print_config", "help", "resume")


def parse_train(arguments: Sequence[str]) -> tuple[Config, Path | Literal["newest"] | None]:
    """Return the settings that `train.py ARGUMENTS` means, and what `--resume` names.

    Args:
        arguments: the words after the program's name.

    Returns:
        The resolved settings, and a run directory to resume, "newest" for a bare `--resume`, or None.

    Raises:
        UserError: for an unknown key, a value out of its range, or a file that is not there.

    Example:
        config, resume = parse_train(["--model", "hybrid", "--train.batch_size", "30"])
    """
    _check_flags(arguments)
    first = OneLineParser(add_help=False, allow_abbrev=False)
    first.add_argument("--model")
    first.add_argument("--config", type=Path)
    first.add_argument("--resume", nargs="?", const="newest")
    picked, _ = first.parse_known_args(list(arguments))
    flags = _without(arguments, "--config", "--resume")
    if picked.resume is not None and (flags or picked.config):
        raise UserError("--resume: expected no other flags, a resumed run keeps its settings; got more")
    resume = picked.resume if picked.resume in (None, "newest") else Path(picked.resume)
    return _parse(_layers(picked.model, picked.config), flags), resume


def load_config(path: Path) -> Config:
    """Read the resolved settings of a run, checked as strictly as flags are.

    Raises:
        UserError: if the file is not there or holds anything but valid settings.
    """
    return _parse([path], [])


def save_config(path: Path, config: Config) -> None:
    """Write settings so that `load_config` gives them back."""
    write_yaml(path, dataclasses.asdict(config))


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as a `UserError`."""
        raise UserError(f"{message}; --help lists what there is")


def guard(command: Callable[[], None]) -> NoReturn:
    """Run a command and exit: 0 when done, 2 with one line for what the user can mend, 130 after Ctrl-C.

    A `kill` (SIGTERM) ends as Ctrl-C does, so that nothing is half-written.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    name = Path(sys.argv[0]).name
    try:
        command()
    except UserError as error:
        sys.exit(_fail(name, str(error)))
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        sys.exit(_fail(name, f"{error.filename or 'a file'} could not be written: {error.strerror}"))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


# What the disk says when it refuses: full, over quota, read-only, not permitted, not a folder.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


def _fail(name: str, message: str) -> int:
    print(f"{name}: error: {message}", file=sys.stderr)
    return 2


def model_names() -> list[str]:
    """Return the names that `--model` takes, one for each file in configs/."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def nearest(name: str, valid: Sequence[str]) -> str:
    """Return " (did you mean X?)" for the valid name most like `name`, or nothing if none is like it."""
    found = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f" (did you mean {found[0]}?)" if found else ""


def _layers(model: str | None, config: Path | None) -> list[Path]:
    """Return the YAML files that settings come from, weakest first."""
    files = []
    if config is not None:
        files.append(config)
        model = model or _read_settings(config).get("model")
    model = model or Config.model
    names = model_names()
    if model not in names:
        raise UserError(f"--model: expected one of {', '.join(names)}; got {model!r}{nearest(model, names)}")
    return [CONFIGS / f"{model}.yaml", *files]


def _parse(layers: Sequence[Path], flags: Sequence[str]) -> Config:
    """Return the settings of the YAML files and flags, each over those before it."""
    for path in layers:
        _check_keys(_read_settings(path), str(path))
    arguments = [word for path in layers for word in ("--config", str(path))] + list(flags)
    parser = _parser()
    try:
        config = parser.instantiate(parser.parse_args(arguments))
    except argparse.ArgumentError as error:
        raise UserError(_explain(str(error), layers, flags)) from None
    return Config(**{field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(Config)})


def _plain(value: Any) -> Any:
    """Turn jsonargparse's ranged numbers, subclasses that Keras and YAML refuse, into plain ones."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="train.py",
        description="Train a model, tune its thresholds, leave a run directory. "
        f"Models: {', '.join(model_names())}.",
        exit_on_error=False,
    )
    parser.add_argument("--config", action="config", help="YAML file of settings; flags win over it")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="newest",
        # Not a setting of the run, so --print_config and config.yaml leave it out.
        default=argparse.SUPPRESS,
        metavar="RUN",
        help="go on with an unfinished run; without RUN, with the newest",
    )
    parser.add_class_arguments(Config)
    return parser


def _without(arguments: Sequence[str], *flags: str) -> list[str]:
    """Return the arguments less the flags that were read already, with their values."""
    kept: list[str] = []
    skip = False
    for word in arguments:
        if word.split("=")[0] in flags:
            skip = "=" not in word
        elif skip and not word.startswith("--"):
            skip = False
        else:
            skip = False
            kept.append(word)
    return kept


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = read_yaml(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a YAML file of settings") from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise UserError(f"{path}: not a YAML file of settings: {' '.join(str(error).split())}") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise UserError(f"{path}: expected settings as `key: value`; got {type(settings).__name__}")
    return settings


def setting_types(owner: type = Config, prefix: str = "") -> dict[str, Any]:
    """Return the type of every setting by its dotted key, groups (as `train`) left out."""
    found: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(owner).items():
        if dataclasses.is_dataclass(kind):
            found |= setting_types(typing.cast(type, kind), f"{prefix}{name}.")
        else:
            found[prefix + name] = kind
    return found


def setting(config: Config, key: str) -> Any:
    """Return the value of a setting by its dotted key.

    Example:
        setting(Config(), "train.batch_size")  # 32
    """
    return functools.reduce(getattr, key.split("."), config)


def _check_flags(arguments: Sequence[str]) -> None:
    valid = setting_types()
    known = [*valid, *_NOT_SETTINGS]
    for word in arguments:
        key = word.removeprefix("--").split("=")[0]
        if word.startswith("--") and key not in known:
            raise UserError(f"--{key}: no such setting{nearest(key, known)}; --help lists them all")


def _check_keys(settings: dict[str, Any], source: str, owner: type = Config, prefix: str = "") -> None:
    kinds = typing.get_type_hints(owner)
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if name not in kinds:
            valid = [prefix + each for each in kinds] if prefix else [*kinds, *setting_types()]
            raise UserError(f"{source}: {key}: no such setting{nearest(key, valid)}")
        if dataclasses.is_dataclass(kinds[name]):
            if not isinstance(value, dict):
                raise UserError(f"{source}: {key}: expected settings below it; got {value!r}")
            _check_keys(value, source, typing.cast(type, kinds[name]), f"{key}.")


# The value stands behind one of these words in jsonargparse's messages.
_VALUE = re.compile(r"(?:Given value|Got value|Int|Float|Interval|Seed): (.*?)(?: does not conform.*)?$")


def _explain(message: str, layers: Sequence[Path], flags: Sequence[str]) -> str:
    """Turn jsonargparse's message into one line: the key, what was expected, what came."""
    found = re.search(r'key "([\w.]+)"', message)
    key = found[1] if found else ""
    kind = setting_types().get(key)
    value = _VALUE.search(message)
    if kind is None or value is None:
        return " ".join(message.split())
    # "invalid literal for int() with base 10: 'abc'" holds the value behind the last colon.
    got = value[1].rsplit(": ", 1)[-1].strip("'")
    is_flag = any(word.split("=")[0] == f"--{key}" for word in flags)
    source = f"--{key}" if is_flag else f"{' and '.join(map(str, layers))}: {key}"
    return f"{source}: expected {_describe(kind)}; got {got}"


_WORDS = {
    "Seed": "a whole number from 0 to 4294967295",
    "PositiveInt": "a whole number above 0",
    "NonNegativeInt": "a whole number, 0 or more",
    "PositiveFloat": "a number above 0",
    "NonNegativeFloat": "a number, 0 or more",
    "ClosedUnitInterval": "a number from 0 to 1",
    "OpenUnitInterval": "a number above 0 and below 1",
    "bool": "true or false",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "NoneType": "null",
}


def _describe(kind: Any) -> str:
    """Say in words which values a type takes."""
    if typing.get_origin(kind) is Literal:
        choices = [str(choice) for choice in typing.get_args(kind)]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_describe(part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is list:
        return f"a list, each {_describe(typing.get_args(kind)[0])}"
    return _WORDS[kind.__name__]
