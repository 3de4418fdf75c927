"""Grid files: YAML with the keys title, model, settings, vary, objective, metrics, published and source."""

import math
import re
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kmlc.arguments import nearest
from kmlc.errors import UserError
from kmlc.setting_flags import setting_types
from kmlc.setting_values import canonical
from kmlc.settings import CONFIGS, dotted, model_names, parsed_setting, read_settings
from kmlc.tuning.grid import METRICS, OBJECTIVES, Grid, Range

GRIDS = CONFIGS / "grids"

_KINDS = {
    key: typing.get_origin(kind) or kind
    for key, kind in typing.get_type_hints(Grid).items()
    if key != "name"  # that of the file
}
"""The keys of a file, and the types of their values."""

_DESCRIBED = {
    str: "a string",
    list: "a list",
    dict: "settings as `key: value`, such as `train.epochs: [1, 3]`",
}


def grid_names() -> list[str]:
    """Return the names that `--grid` takes, one for each file in configs/grids/."""
    return sorted(path.stem for path in GRIDS.glob("*.yaml"))


def read_grid(name: str) -> Grid:
    """Read a grid by its name in configs/grids/, or from a file of one's own.

    Args:
        name: such as "report2" or "mine.yaml".

    Raises:
        UserError: if there is no such grid, or its file is invalid: the file, the key, what was expected.

    Example:
        list(read_grid("report2").trials())  # sixteen
    """
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        _check_choice("--grid", name, grid_names(), f"one of {', '.join(grid_names())}, or a YAML file")
        path = GRIDS / f"{name}.yaml"
    content = {key: value for key, value in read_settings(path).items() if value is not None}
    for key in content:
        _check_choice(str(path), key, list(_KINDS))
    for key, kind in _KINDS.items():
        value = content.get(key, kind())
        if not isinstance(value, kind) or (key in ("model", "vary") and not value):
            raise UserError(f"{path}: {key}: expected {_DESCRIBED[kind]}; got {value!r}")
    content["settings"] = dotted(content.get("settings", {}))
    for group in ("settings", "vary"):
        for key in content[group]:
            valid = [
                each for each in setting_types() if each != "run" and (group, each) != ("settings", "model")
            ]
            _check_choice(f"{path}: {group}", key, valid, "a dotted key, such as train.epochs")
    content["vary"] = {key: _axis(f"{path}: vary: {key}", value) for key, value in content["vary"].items()}
    grid = Grid(**{"title": path.stem, **content, "name": path.stem})
    _check_choice(f"{path}: model", grid.model, model_names())
    _check_values(path, grid)
    _check_metrics(path, grid)
    return grid


def _check_choice(place: str, value: Any, valid: Sequence[str], expected: str = "") -> None:
    if value not in valid:
        expected = expected or f"one of {', '.join(valid)}"
        raise UserError(f"{place}: expected {expected}; got {value!r}{nearest(str(value), valid)}")


def _axis(place: str, value: Any) -> list[Any] | Range:
    if isinstance(value, dict):
        try:
            return Range(**{name: _number(each) for name, each in value.items()})
        except (TypeError, ValueError):
            raise UserError(
                f"{place}: expected min below max (and above 0 with log), and optionally log or whole; "
                f"got {value!r}"
            ) from None
    if not isinstance(value, list) or not value:
        raise UserError(f"{place}: expected a list of values, or min and max; got {value!r}")
    return [_number(each) for each in value]


def _number(value: Any) -> Any:
    """Return the number in a string such as "1e-4", which YAML 1.1 reads as a string; else the value."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


def _check_values(path: Path, grid: Grid) -> None:
    """Check every value by itself, and then the settings: an error is found now, not hours into a search."""
    try:
        for key, value in grid.settings.items():
            parsed_setting(key, value)
        for key, axis in grid.vary.items():
            if isinstance(axis, Range):
                fraction = axis.min + (axis.max - axis.min) / math.pi
                axis = [axis.min, axis.max] if axis.whole else [axis.min, axis.max, fraction]
            seen: dict[str, Any] = {}
            for value in axis:
                if key == "model":
                    _check_choice(f"{path}: vary: model", value, model_names())
                parsed = canonical(parsed_setting(key, value))  # as the report groups them
                if parsed in seen:
                    raise UserError(f"vary: {key}: {seen[parsed]!r} and {value!r} are the same value")
                seen[parsed] = value
        grid.config(grid.first_values())
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _check_metrics(path: Path, grid: Grid) -> None:
    """Check the names of metrics, and that each published row has the settings that vary and the metrics."""
    for name in grid.metrics:
        columns = "columns of results.csv, such as minutes or micro_f1"
        _check_choice(f"{path}: metrics", name, sorted(METRICS), columns)
    _check_choice(f"{path}: objective", grid.objective, list(OBJECTIVES))
    if grid.metrics:
        _check_choice(f"{path}: objective", grid.objective, grid.metrics)
    for number, row in enumerate(grid.published, start=1):
        place = f"{path}: published: row {number}"
        if not isinstance(row, dict):
            raise UserError(f"{place}: expected `key: value`; got {row!r}")
        for key in row:
            _check_choice(place, key, [*grid.vary, *grid.metrics])
        for key in grid.vary:
            if key not in row:
                raise UserError(f"{place}: {key} is missing")
        for key in grid.metrics:
            value = row.get(key)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and abs(value) <= sys.float_info.max):
                raise UserError(f"{place}: {key}: expected a number; got {value!r}")
