"""Settings from YAML files and flags, checked against their types; an error is one line that names the key.

jsonargparse parses, layers and checks; this module reads the files and checks the names. It does not import
TensorFlow, so that `--help` is fast.
"""

import copy
import dataclasses
import functools
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from kmlc.arguments import OneLineParser, describe, nearest, plain
from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.setting_flags import SettingsParser, is_of_strings, setting_groups, setting_types
from kmlc.yaml_files import read_yaml, write_yaml


def _configs() -> Path:
    """Return the folder of models' settings: in the installed package, beside it in a checkout."""
    installed = Path(__file__).resolve().parent / "configs"
    return installed if installed.is_dir() else installed.parent.parent / "configs"


CONFIGS = _configs()

FORMAT = 2
"""The version of the files of a run, in its config.yaml. It changes when an older version cannot be read."""


_UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")
"""NUL, and halves of surrogate pairs, which stand for bytes that are no UTF-8."""


def load_config(path: Path) -> Config:
    """Read the settings of a run, checked as strictly as flags are.

    Raises:
        UserError: if the file is missing, has another format, or holds anything but valid settings.
    """
    return _layered([_layer(path, read_settings(path, of_run=True))])


def save_config(path: Path, config: Config) -> None:
    """Write the settings of a run so that `load_config` returns them equal.

    Raises:
        UserError: if a string in them cannot be written, or the file cannot.
    """
    _check_values(dotted(dataclasses.asdict(config)), "")
    write_yaml(path, {"format": FORMAT} | dataclasses.asdict(config))


def model_names() -> list[str]:
    """Return the names that `--model` takes, one for each file in configs/."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def config_from_flags(flags: Sequence[str]) -> Config:
    """Return the settings that `train.py FLAGS` resolves to.

    Raises:
        UserError: for an unknown model or key, or a value out of its range.

    Example:
        config_from_flags(["--model", "hybrid", "--train.batch_size", "30"])
    """
    return model_config([], SettingsParser().split(flags)[1])


def model_config(files: Sequence[Path], given: Mapping[str, Any]) -> Config:
    """Return a model's settings, under those of files, under those that were given.

    Args:
        files: YAML files, weakest first; the last that names a model picks it unless `given` does.
        given: values by dotted key, as `SettingsParser.split` returns them.

    Raises:
        UserError: for an unknown model or key, or a value out of its range.
    """
    layers = [*(_layer(file, read_settings(file)) for file in files), ("--", given)]
    models = [(source, layer["model"]) for source, layer in layers if "model" in layer]
    names = model_names()
    for source, model in models:
        if model not in names:
            closest = nearest(str(model), names)
            got = "null" if model is None else repr(model)
            raise UserError(f"{source}model: expected one of {', '.join(names)}; got {got}{closest}")
    base = CONFIGS / f"{models[-1][1] if models else Config.model}.yaml"
    return _layered([_layer(base, read_settings(base)), *layers])


def layered(files: Sequence[Path], given: Mapping[str, Any] = types.MappingProxyType({})) -> Config:
    """Return the settings of files, weakest first, under those that were given.

    Args:
        files: YAML files of settings.
        given: values by dotted key.

    Raises:
        UserError: for an unknown key, or a value out of its range.

    Example:
        layered([CONFIGS / "hybrid.yaml"], {"seed": 7, "labels.vocabulary": ["01", "02"]})
    """
    return _layered([*(_layer(file, read_settings(file)) for file in files), ("--", given)])


def checked(config: Config) -> Config:
    """Return settings that were built in code, after the checks that flags and files go through.

    Raises:
        UserError: for a value of another type or out of its range.

    Example:
        checked(Config(train=TrainConfig(epochs=0)))  # UserError: train.epochs: expected a whole number …
    """
    return _layered([("", dotted(dataclasses.asdict(config)))])


_Layer: typing.TypeAlias = tuple[str, Mapping[str, Any]]
"""Where settings come from, as errors begin, and their values by dotted key."""


def _layer(file: Path, settings: Mapping[str, Any]) -> _Layer:
    try:
        return f"{file}: ", dotted(settings)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


@functools.cache
def _parser() -> SettingsParser:
    return SettingsParser()


def _layered(layers: Sequence[_Layer]) -> Config:
    parser = _parser()
    settings = Namespace()
    values: dict[str, Any] = {}
    for source, given in layers:
        _check_keys(given, source)
        _check_values(given, source)
        layer = _with_one_tower(given, source)
        try:
            settings = parser.parse_object(Namespace(copy.deepcopy(dict(layer))), settings, defaults=False)
        except UserError as error:
            raise UserError(source + str(error).removeprefix("--")) from None
        values |= layer
    parsed = parser.instantiate(parser.parse_object(Namespace(), settings))
    config = Config(
        **{field.name: plain(getattr(parsed, field.name)) for field in dataclasses.fields(Config)}
    )
    # jsonargparse reads strings as YAML: "~" would become null, and a label "01" the number 1.
    for key, value in values.items():
        if is_of_strings(value, setting_types().get(key)):
            config = _replaced(config, key, value)
    if (config.tower.name == "preset") != (config.tower.preset is not None):
        raise UserError("tower.preset: expected a preset with tower.name preset; got null")
    return config


def _with_one_tower(layer: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """Return a layer in which `tower.name` and `tower.preset`, given alone, undoes the other one below it.

    A preset has weights, so it undoes `tower.weights` as well.

    Raises:
        UserError: if both are given.
    """
    name, preset = layer.get("tower.name"), layer.get("tower.preset")
    if preset is None:
        alone = name not in (None, "preset") and "tower.preset" not in layer
        return {**layer, "tower.preset": None} if alone else layer
    if name not in (None, "preset"):
        raise UserError(
            f"{source}tower.name: expected it left out, or preset, with tower.preset {preset}; got {name}"
        )
    return {"tower.weights": "none", **layer, "tower.name": "preset"}


def dotted(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys.

    Raises:
        UserError: if a key is there twice, dotted and nested.

    Example:
        dotted({"train": {"epochs": 3}, "seed": 7})  # {"train.epochs": 3, "seed": 7}
    """
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        nested = isinstance(value, dict) and value
        found = dotted(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
        if twice := sorted(flat.keys() & found.keys()):
            raise UserError(f"{twice[0]}: there twice, dotted and nested; expected it once")
        flat |= found
    return flat


def _replaced(config: Config, key: str, value: Any) -> Config:
    """Return the settings with one of them replaced, given its dotted key."""
    group, _, name = key.rpartition(".")
    if group:
        name, value = group, dataclasses.replace(getattr(config, group), **{name: value})
    return dataclasses.replace(config, **{name: value})


def parsed_setting(key: str, value: Any) -> Any:
    """Return the value of one setting as `Config` holds it, without building all the others.

    Raises:
        UserError: for a value out of its range, of another type, or a number in quotes.

    Example:
        parsed_setting("train.learning_rate", 1)  # 1.0
    """
    kind = setting_types()[key]
    if is_of_strings(value, kind):
        return value
    parser = OneLineParser()
    parser.add_argument(f"--{key}", type=kind)
    try:
        parsed = plain(parser.parse_object({key: value}, defaults=False)[key])
    except UserError as error:
        raise UserError(str(error).removeprefix("--")) from None
    if isinstance(value, str) and isinstance(parsed, int | float):
        raise UserError(f"{key}: expected a number without quotes; got {value!r}")
    return parsed


def read_settings(path: Path, of_run: bool = False) -> dict[str, Any]:
    """Read a YAML file of settings, its keys not checked yet.

    Args:
        path: the file.
        of_run: whether it is the config.yaml of a run, which must have a `format`. Others may have one.

    Raises:
        UserError: if it is missing, is not YAML of `key: value`, or has another format.
    """
    settings = read_yaml(path)
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise UserError(f"{path}: expected settings as `key: value`; got {type(settings).__name__}")
    found = settings.pop("format", None if of_run else FORMAT)
    if type(found) is not int or found != FORMAT:
        got = "none" if found is None else repr(found)
        raise UserError(
            f"{path}: written by another version of kmlc (format {got}); this one reads format {FORMAT}"
        )
    return settings


def setting(config: Config, key: str) -> Any:
    """Return the value of a setting by its dotted key.

    Example:
        setting(Config(), "train.batch_size")  # 32
    """
    return functools.reduce(getattr, key.split("."), config)


def _check_keys(settings: Mapping[str, Any], source: str) -> None:
    """Raise for a dotted key that is no setting; an empty group is none either, but does no harm."""
    valid = setting_types()
    for key, value in settings.items():
        if key in setting_groups() and value != {}:
            raise UserError(
                f"{source}{key}: expected settings below it; got {'null' if value is None else repr(value)}"
            )
        if key not in valid and key not in setting_groups():
            raise UserError(f"{source}{key}: no such setting{nearest(key, [*setting_groups(), *valid])}")


def _check_values(settings: Mapping[str, Any], source: str) -> None:
    """Raise for what jsonargparse takes for any type, null, and for text that no file or path can hold."""
    for key, value in settings.items():
        kind = setting_types().get(key)
        if value is None and kind is not None and types.NoneType not in typing.get_args(kind):
            raise UserError(f"{source}{key}: expected {describe(kind)}; got null")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and _UNWRITABLE.search(each):
                raise UserError(f"{source}{key}: expected text of Unicode without NUL; got {each!r}")
