"""The flags of the settings, on the command line of every command that takes settings."""

import dataclasses
import functools
import re
import types
import typing
from argparse import SUPPRESS, ArgumentError, ArgumentParser
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import yaml
from jsonargparse import Namespace

from kmlc.arguments import OneLineParser, plain
from kmlc.config import Config

_SHORT = {"--epochs": "--train.epochs"}
"""Short names of settings."""


class SettingsParser(OneLineParser):
    """A parser whose flags are the settings and a command's own options.

    Args:
        skip: settings, or groups such as "train", that the command does not take.
        **parser: arguments of the parser, such as `description`.
    """

    def __init__(self, skip: Collection[str] = (), **parser: Any) -> None:
        super().__init__(usage="%(prog)s [options] [settings]", **parser)
        self._kinds = {
            key: kind for key, kind in setting_types().items() if not {key, key.partition(".")[0]} & set(skip)
        }
        self.add_class_arguments(Config, skip=set(skip))
        for name, group in (self.groups or {}).items():
            group.title = "settings" if name == "Config" else f"settings --{name}.*: {group.title}"
        self._drop_flags()

    def split(self, arguments: Sequence[str]) -> tuple[Namespace, dict[str, Any]]:
        """Return the command's own flags with their defaults, and by dotted key the settings that were given.

        Raises:
            UserError: for an unknown flag, or a value out of its range.
        """
        strings, others = self._strings([_long(argument) for argument in arguments])
        given = self.parse_args(others, defaults=False)
        settings = {key: plain(given.pop(key)) for key in self._kinds if key in given}
        options = self.get_defaults()
        options.update(given)
        return Namespace({key: plain(value) for key, value in options.items()}), settings | strings

    def _drop_flags(self) -> None:
        """Drop what jsonargparse adds: a flag for each group that names a file, and --KEY+ for lists."""
        for action in self._actions:
            if action.dest in setting_groups():
                action.help = SUPPRESS
            action.option_strings = [flag for flag in action.option_strings if not flag.endswith("+")]
        for flag in list(self._option_string_actions):
            if flag.endswith("+") or flag.removeprefix("--") in setting_groups():
                del self._option_string_actions[flag]

    def _strings(self, arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Return the settings with strings in them, as they were typed, and the other arguments.

        jsonargparse reads strings as YAML: "#1" would become null, and a label "01" the number 1.
        """
        parser = ArgumentParser(
            add_help=False, allow_abbrev=False, exit_on_error=False, argument_default=SUPPRESS
        )
        for key, kind in self._kinds.items():
            if is_of_strings("", kind) or is_of_strings([], kind):
                parser.add_argument(f"--{key}", dest=key)
        try:
            typed, others = parser.parse_known_args(arguments)
        except ArgumentError as error:
            self.error(str(error))
        return {key: _as_typed(value, self._kinds[key]) for key, value in vars(typed).items()}, others


def _as_typed(text: str, kind: Any) -> Any:
    """Return what a flag of a setting with strings means: null, a list of labels, or the string as it is."""
    if text == "null" and types.NoneType in typing.get_args(kind):
        return None
    if is_of_strings("", kind):
        return text
    with suppress(yaml.YAMLError, ValueError, LookupError, RecursionError):
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(node, yaml.SequenceNode) and all(
            isinstance(each, yaml.ScalarNode) for each in node.value
        ):
            return [_label(each) for each in node.value]
        return yaml.safe_load(text)
    return text


def _label(node: yaml.ScalarNode) -> int | str:
    """Return an element of a list of labels: unquoted whole numbers as numbers, all else as it was typed."""
    is_number = node.style is None and re.fullmatch(r"0|-?[1-9]\d*", node.value)
    return int(node.value) if is_number else str(node.value)


def _long(argument: str) -> str:
    flag, equals, value = argument.partition("=")
    return _SHORT.get(flag, flag) + equals + value


@functools.cache
def setting_types(owner: type = Config, prefix: str = "") -> dict[str, Any]:
    """Return the type of every setting by its dotted key; groups (as `train`) are not among them."""
    found: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(owner).items():
        if dataclasses.is_dataclass(kind):
            found |= setting_types(typing.cast(type, kind), f"{prefix}{name}.")
        else:
            found[prefix + name] = kind
    return found


@functools.cache
def setting_groups() -> list[str]:
    """Return the keys that have settings below them, such as "train"."""
    return list(dict.fromkeys(key.partition(".")[0] for key in setting_types() if "." in key))


def is_of_strings(value: Any, kind: Any) -> bool:
    """Return whether `value` is a string or a list that a setting's type takes as it is."""
    kinds = {kind, *typing.get_args(kind)}
    return str in kinds if isinstance(value, str) else isinstance(value, list) and list[int | str] in kinds
