"""Settings from YAML files and flags, checked against their types; an error is one line that names the key.

jsonargparse parses, layers and checks; this module reads the files and checks the names. It does not import
TensorFlow, so that `--help` is fast.
"""

import copy
import dataclasses
import functools
import json
import typing
from argparse import SUPPRESS
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace

from kmlc.arguments import OneLineParser, nearest, plain
from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_yaml, write_yaml


def _configs() -> Path:
    """Return the folder of models' settings: in the installed package, beside it in a checkout."""
    installed = Path(__file__).resolve().parent / "configs"
    return installed if installed.is_dir() else installed.parent.parent / "configs"


CONFIGS = _configs()

_SHORT = {"--epochs": "--train.epochs"}
"""Short names of settings."""


FORMAT = 1
"""The version of the files of a run, in its config.yaml. It changes when an older version cannot be read."""


def load_config(path: Path) -> Config:
    """Read the settings of a run, checked as strictly as flags are.

    Raises:
        UserError: if the file is missing, has another format, or holds anything but valid settings.
    """
    read_settings(path, of_run=True)
    return config_of([path], Namespace())


def save_config(path: Path, config: Config) -> None:
    """Write the settings of a run so that `load_config` returns them equal."""
    write_yaml(path, {"format": FORMAT} | dataclasses.asdict(config))


def model_names() -> list[str]:
    """Return the names that `--model` takes, one for each file in configs/."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


class SettingsParser(OneLineParser):
    """A parser whose flags are the settings and a command's own options.

    Args:
        skip: settings, or groups such as "train", that the command does not take.
        **parser: arguments of the parser, such as `description`.
    """

    def __init__(self, skip: Collection[str] = (), **parser: Any) -> None:
        super().__init__(usage="%(prog)s [options] [settings]", **parser)
        self._keys = [key for key in setting_types() if not {key, key.partition(".")[0]} & set(skip)]
        self.add_class_arguments(Config, skip=set(skip))
        groups = self.groups or {}
        for name, group in groups.items():
            group.title = "settings" if name == "Config" else f"settings --{name}.*: {group.title}"
        for action in self._actions:
            if action.dest in groups:
                action.help = SUPPRESS  # jsonargparse's `--train FILE`: files are what `--config` is for

    def split(self, arguments: Sequence[str]) -> tuple[Namespace, Namespace]:
        """Return the command's own flags with their defaults, and those settings that were given.

        Raises:
            UserError: for an unknown flag, or a value out of its range.
        """
        given = self.parse_args([_long(argument) for argument in arguments], defaults=False)
        settings = Namespace()
        for key in self._keys:
            if key in given:
                settings[key] = given.pop(key)
        options = self.get_defaults()
        options.update(given)
        return Namespace({key: plain(value) for key, value in options.items()}), settings


def config_from_flags(flags: Sequence[str]) -> Config:
    """Return the settings that `train.py FLAGS` resolves to.

    Raises:
        UserError: for an unknown model or key, or a value out of its range.

    Example:
        config_from_flags(["--model", "hybrid", "--train.batch_size", "30"])
    """
    return model_config([], SettingsParser().split(flags)[1])


def model_config(files: Sequence[Path], given: Namespace) -> Config:
    """Return a model's settings, under those of files, under those given as flags.

    Args:
        files: YAML files, weakest first; the last that names a model picks it unless `given` does.
        given: as `SettingsParser.split` returns them.

    Raises:
        UserError: for an unknown model or key, or a value out of its range.
    """
    model, source = given.get("model", Config.model), "--model"
    if "model" not in given:
        for file in files:
            settings = read_settings(file)
            if "model" in settings:
                model, source = settings["model"], f"{file}: model"
    names = model_names()
    if model not in names:
        closest = nearest(str(model), names)
        raise UserError(f"{source}: expected one of {', '.join(names)}; got {model!r}{closest}")
    return config_of([CONFIGS / f"{model}.yaml", *files], given)


def layered(files: Sequence[Path], flags: Sequence[str]) -> Config:
    """Return the settings of YAML files and flags, each over those before it.

    Args:
        files: the files, weakest first.
        flags: command-line arguments such as "--train.batch_size", "30".

    Raises:
        UserError: for an unknown key, or a value out of its range.

    Example:
        layered([CONFIGS / "hybrid.yaml"], ["--seed", "7"])
    """
    return config_of(files, _parser().split(flags)[1])


@functools.cache
def _parser() -> SettingsParser:
    return SettingsParser()


def config_of(files: Sequence[Path], given: Namespace) -> Config:
    """Return the settings of files, weakest first, under those given as flags.

    Raises:
        UserError: for an unknown key in a file, or a value out of its range.
    """
    parser = _parser()
    settings = Namespace()
    in_files: dict[str, Any] = {}
    for file in files:
        found = read_settings(file)
        _check_keys(found, str(file))
        in_files |= dotted(found)
        try:
            settings = parser.parse_object(copy.deepcopy(found), settings, defaults=False)
        except UserError as error:
            raise UserError(f"{file}: {str(error).removeprefix('--')}") from None
    parsed = parser.instantiate(parser.parse_object(given, settings))
    config = Config(
        **{field.name: plain(getattr(parsed, field.name)) for field in dataclasses.fields(Config)}
    )
    # jsonargparse reads strings as YAML once more: "~" would become null, and a label "01" the number 1.
    for key, value in in_files.items():
        if key not in given and isinstance(value, (str, list)) and _accepts_strings(setting_types()[key]):
            config = _replaced(config, key, value)
    return config


def dotted(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys.

    Example:
        dotted({"train": {"epochs": 3}, "seed": 7})  # {"train.epochs": 3, "seed": 7}
    """
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _accepts_strings(kind: Any) -> bool:
    """Return whether any string, alone or in a list, is a value of a setting's type."""
    return kind is str or any(map(_accepts_strings, typing.get_args(kind)))


def _replaced(config: Config, key: str, value: Any) -> Config:
    """Return the settings with one of them replaced, given its dotted key."""
    group, _, name = key.rpartition(".")
    if group:
        name, value = group, dataclasses.replace(getattr(config, group), **{name: value})
    return dataclasses.replace(config, **{name: value})


def _long(argument: str) -> str:
    flag, equals, value = argument.partition("=")
    return _SHORT.get(flag, flag) + equals + value


def setting_flags(settings: Mapping[str, Any]) -> list[str]:
    """Return settings by their dotted keys as flags.

    Example:
        setting_flags({"images.size": 48, "train.xla": True})  # ["--images.size=48", "--train.xla=true"]
    """
    # JSON is YAML, which the flags are read as.
    return [
        f"--{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()
    ]


def read_settings(path: Path, of_run: bool = False) -> dict[str, Any]:
    """Read a YAML file of settings, its keys not checked yet.

    Args:
        path: the file.
        of_run: whether it is the config.yaml of a run, which must have a `format`. Others may have one.

    Raises:
        UserError: if it is missing, is not YAML of `key: value`, or has another format.
    """
    try:
        settings = read_yaml(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a YAML file of settings") from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise UserError(f"{path}: not a YAML file of settings: {' '.join(str(error).split())}") from None
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise UserError(f"{path}: expected settings as `key: value`; got {type(settings).__name__}")
    found = settings.pop("format", "none" if of_run else FORMAT)
    if found != FORMAT:
        raise UserError(
            f"{path}: written by another version of kmlc (format {found}); this one reads format {FORMAT}"
        )
    return settings


def setting_types(owner: type = Config, prefix: str = "") -> dict[str, Any]:
    """Return the type of every setting by its dotted key; groups (as `train`) are not among them."""
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
