"""A parser of command-line arguments whose errors are one line: the flag, what was expected, what was given.

jsonargparse parses and checks the types; here are the messages and the layout of the help.
"""

import copy
import dataclasses
import difflib
import re
import types
import typing
from argparse import SUPPRESS, Action, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from kmlc import __version__
from kmlc.errors import UserError


class HelpFormatter(DefaultHelpFormatter):
    """Describes each flag by its help line, the values that it accepts in plain English, and its default."""

    def _get_help_string(self, action: Action) -> str:
        text = (action.help or "").removesuffix(".")
        if action.nargs == 0 or not action.option_strings:
            return text
        notes = []
        kind = getattr(action, "_typehint", action.type)
        shows_choices = _metavar(action) == action.metavar and "{" in str(action.metavar)
        if not shows_choices and (values := describe(kind)) not in _OBVIOUS:
            notes.append(values)
        if action.default not in (None, [], SUPPRESS):
            notes.append(f"default: {_format_default(action.default)}")
        return f"{text} ({'; '.join(notes)})" if notes else text

    def _format_action_invocation(self, action: Action) -> str:
        action = copy.copy(action)
        action.metavar = _metavar(action)
        return super()._format_action_invocation(action)


def _metavar(action: Action) -> Any:
    """Return the placeholder of a flag's value, None for the flag's name where the choices are too many."""
    return None if action.option_strings and len(str(action.metavar)) > 40 else action.metavar


def _format_default(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_format_default, value))}]"
    return f'"{value}"' if str(value).isspace() else str(value)


class OneLineParser(ArgumentParser):
    """An argument parser that raises `UserError`, without printing its usage first.

    Example:
        parser = OneLineParser(prog="kmlc compare")
        parser.add_argument("--seeds", type=PositiveInt, default=1)
        parser.parse_args(["--seeds", "0"])  # UserError: --seeds: expected a whole number above 0; got 0
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, print_config=None, formatter_class=HelpFormatter, **settings)
        self.add_argument("--version", action="version", version=f"kmlc {__version__}")

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message as a `UserError` of one line.

        Raises:
            UserError: always.
        """
        raise UserError(self._explain(message)) from None

    def _explain(self, message: str) -> str:
        _, refused, unknown = message.partition("unrecognized arguments: ")
        if refused:
            flag = next(iter(unknown.split("=")[0].split()), repr(""))
            valid = list(self._option_string_actions)
            if below := [each for each in valid if each.startswith(f"{flag}.")]:
                return f"{flag}: no such flag; expected one of its settings, such as {below[0]}"
            return f"{flag}: no such flag{nearest(flag, valid)}; --help lists them all"
        found = re.match(r'Parser key "([\w.]+)":', message)
        # The value that was given is on the line "Given value", or precedes the restriction that it breaks.
        value = re.search(r"G(?:iven|ot) value: (.*)", message) or re.search(
            r"Not of type \w+: (.*?)(?: does not conform.*)?$", message, re.MULTILINE
        )
        if found is None:
            return " ".join(message.split()).removeprefix("argument ")
        action = next(action for action in self._actions if action.dest == found[1])
        name = action.option_strings[0] if action.option_strings else str(action.metavar)
        if value is None:
            return f"{name}: {' '.join(message[found.end() :].split())}"
        # "invalid literal for int() with base 10: 'abc'" ends with the value.
        got = value[1].rsplit(": ", 1)[-1].strip("'")
        return f"{name}: expected {describe(getattr(action, '_typehint', action.type))}; got {got}"


def plain(value: Any) -> Any:
    """Return jsonargparse's ranged numbers, subclasses that Keras and YAML refuse, as plain ones."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    if isinstance(value, list):
        return [plain(each) for each in value]
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


def output_file(path: str | Path) -> Path:
    """Return the path of a file to write: the type of a flag.

    Raises:
        ArgumentTypeError: if it ends with a slash, which `Path` would drop.

    Example:
        parser.add_argument("--out", type=output_file)
    """
    if str(path).endswith("/"):
        raise ArgumentTypeError(f"expected the name of a file; got the folder {path}")
    return Path(path)


def nearest(name: str, valid: Sequence[str]) -> str:
    """Return " (did you mean X?)" for the valid name most like `name`, or nothing if none is like it."""
    found = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f" (did you mean {found[0]}?)" if found else ""


_DESCRIPTIONS = {
    "Seed": "a whole number from 0 to 4294967295",
    "Count": "a whole number from 1 to 2147483647",
    "CountOrZero": "a whole number from 0 to 2147483647",
    "PositiveFinite": "a finite number above 0",
    "NonNegativeFinite": "a finite number, 0 or more",
    "Resamples": "a whole number from 1 to 100000",
    "PositiveInt": "a whole number above 0",
    "PositiveFloat": "a number above 0",
    "NonNegativeFloat": "a number, 0 or more",
    "ClosedUnitInterval": "a number from 0 to 1",
    "OpenUnitInterval": "a number above 0 and below 1",
    "HalfOpenUnitInterval": "a number from 0 to below 1",
    "Fraction": "a number above 0, up to 1",
    "Gigabytes": "a number above 0, up to 1000000",
    "AspectRatio": "a number from 1 to 100",
    "Angle": "a number from 0 to 180",
    "bool": "true or false",
    "str": "a string",
    "Path": "a path",
    "output_file": "a file name",
    "int": "a whole number",
    "float": "a number",
    "NoneType": "null",
}
_OBVIOUS = ("a string", "a path", "a file name", "a string, or null")
"""Descriptions that a help line goes without."""


def describe(kind: Any) -> str:
    """Return which values a type accepts, in plain English; None is the type of a flag without one."""
    if kind is None:
        return "a string"
    if typing.get_origin(kind) is Literal:
        choices = [str(choice) for choice in typing.get_args(kind)]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return ", or ".join(map(describe, typing.get_args(kind)))
    if typing.get_origin(kind) is list:
        return f"a list, each {describe(typing.get_args(kind)[0])}"
    return _DESCRIPTIONS[kind.__name__]
