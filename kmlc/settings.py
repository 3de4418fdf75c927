"""Settings from YAML files and flags, held to their types; what is wrong is one line that names the key.

jsonargparse reads, layers and types; here are the files, the names that exist, and the messages. Nothing here
imports TensorFlow, so that `--help` answers at once.
"""

import argparse
import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentParser

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_yaml, write_yaml

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def load_config(path: Path) -> Config:
    """Read the resolved settings of a run, checked as strictly as flags are.

    Raises:
        UserError: if the file is not there or holds anything but valid settings.
    """
    return layered([path], [])


def save_config(path: Path, config: Config) -> None:
    """Write settings so that `load_config` gives them back."""
    write_yaml(path, dataclasses.asdict(config))


def model_names() -> list[str]:
    """Return the names that `--model` takes, one for each file in configs/."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def nearest(name: str, valid: Sequence[str]) -> str:
    """Return " (did you mean X?)" for the valid name most like `name`, or nothing if none is like it."""
    found = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f" (did you mean {found[0]}?)" if found else ""


def layered(layers: Sequence[Path], flags: Sequence[str]) -> Config:
    """Return the settings of YAML files and flags, each over those before it.

    Args:
        layers: the files, weakest first.
        flags: words such as "--train.batch_size", "30".

    Raises:
        UserError: for an unknown key in a file, or a value out of its range.

    Example:
        layered([CONFIGS / "hybrid.yaml"], ["--seed", "7"])
    """
    for path in layers:
        _check_keys(read_settings(path), str(path))
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


def read_settings(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings, its keys not checked yet.

    Raises:
        UserError: if it is not there or is not YAML of `key: value`.
    """
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
_VALUE = re.compile(
    r"(?:Given value|Got value|Int|Float|Interval|Seed|Momentum): (.*?)(?: does not conform.*)?$"
)


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
    "Momentum": "a number from 0 to below 1",
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
