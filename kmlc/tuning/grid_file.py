"""Grid files: YAML with the keys title, model, settings, vary, objective, metrics, published and source."""

import dataclasses
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kmlc.arguments import nearest
from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, model_names, read_settings, setting_types
from kmlc.tuning.grid import METRICS, OBJECTIVES, Grid, Range

GRIDS = CONFIGS / "grids"

_KINDS: dict[str, type] = {
    "title": str,
    "model": str,
    "vary": dict,
    "settings": dict,
    "objective": str,
    "metrics": list,
    "published": list,
    "source": str,
}
"""The keys of a file, and the types of their values."""

_DESCRIBED: dict[type, str] = {
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
    if path.suffix not in (".yaml", ".yml"):
        if name not in grid_names():
            raise UserError(
                f"--grid: expected one of {', '.join(grid_names())}, or a YAML file; "
                f"got {name!r}{nearest(name, grid_names())}"
            )
        path = GRIDS / f"{name}.yaml"
    content = {key: value for key, value in read_settings(path).items() if value is not None}
    for key in content:
        if key not in _KINDS:
            raise UserError(
                f"{path}: {key}: no such key{nearest(str(key), list(_KINDS))}; expected {', '.join(_KINDS)}"
            )
    for key, kind in _KINDS.items():
        value = content.get(key, kind())
        if not isinstance(value, kind) or (key in ("model", "vary") and not value):
            raise UserError(f"{path}: {key}: expected {_DESCRIBED[kind]}; got {value!r}")
    _check_choice(f"{path}: model", content["model"], model_names())
    _check_choice(f"{path}: objective", content.get("objective", Grid.objective), list(OBJECTIVES))
    content["settings"] = _dotted(content.get("settings", {}))
    for part in ("settings", "vary"):
        for key in content[part]:
            if key not in setting_types():
                raise UserError(
                    f"{path}: {part}: {key}: no such setting{nearest(str(key), list(setting_types()))}"
                )
    content["vary"] = {key: _axis(f"{path}: vary: {key}", value) for key, value in content["vary"].items()}
    grid = Grid(**{"title": path.stem, **content, "name": path.stem})
    _check_values(path, grid)
    _check_metrics(path, grid)
    return grid


def _check_choice(place: str, value: Any, valid: Sequence[str]) -> None:
    if value not in valid:
        raise UserError(
            f"{place}: expected one of {', '.join(valid)}; got {value!r}{nearest(str(value), valid)}"
        )


def _axis(place: str, value: Any) -> list[Any] | Range:
    if isinstance(value, dict):
        value = {name: _number(each) for name, each in value.items()}
        if not _is_range(value):
            raise UserError(
                f"{place}: expected min below max (and above 0 with log), and optionally log or whole; "
                f"got {value!r}"
            )
        return Range(**value)
    if not isinstance(value, list) or not value:
        raise UserError(f"{place}: expected a list of values, or min and max; got {value!r}")
    return [_number(each) for each in value]


def _number(value: Any) -> Any:
    """Return the number in a string such as "1e-4", which YAML 1.1 reads as a string; else the value."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


def _is_range(value: Mapping[str, Any]) -> bool:
    """Return whether `value` has the keys of a Range and valid values for them."""
    names = {each.name for each in dataclasses.fields(Range)}
    if not {"min", "max"} <= set(value) <= names:
        return False
    numbers = all(isinstance(value[key], int | float) for key in ("min", "max"))
    switches = all(isinstance(value[key], bool) for key in ("log", "whole") if key in value)
    return numbers and switches and value["min"] < value["max"] and (not value.get("log") or value["min"] > 0)


def _check_values(path: Path, grid: Grid) -> None:
    """Build the settings with every value once: an error is found now, and not hours into a search."""
    samples = {key: _samples(axis) if isinstance(axis, Range) else axis for key, axis in grid.vary.items()}
    first = {key: values[0] for key, values in samples.items()}
    for key, values in samples.items():
        seen: list[tuple[Any, Config]] = []
        for value in values:
            if key == "model":
                _check_choice(f"{path}: vary: model", value, model_names())
            try:
                config = grid.config(first | {key: value})
            except UserError as error:
                raise UserError(f"{path}: {error}") from None
            for other, same in seen:
                if config == same:  # 1 and 1.0 are the same seed
                    raise UserError(f"{path}: vary: {key}: {other!r} and {value!r} are the same value")
            seen.append((value, config))


def _samples(axis: Range) -> list[float]:
    """Return the bounds of a range, and a fraction between them unless it is of whole numbers."""
    bounds = [axis.min, axis.max]
    return bounds if axis.whole else [*bounds, axis.min + (axis.max - axis.min) / math.pi]


def _check_metrics(path: Path, grid: Grid) -> None:
    """Check that each published row has a value for every setting that varies and for every metric."""
    for name in grid.metrics:
        if not isinstance(name, str) or name not in METRICS:
            raise UserError(
                f"{path}: metrics: no such metric: {name!r}{nearest(str(name), sorted(METRICS))}; "
                "expected a column of results.csv, such as minutes, val_loss, micro_f1 or test_micro_f1"
            )
    if grid.metrics and grid.objective not in grid.metrics:
        raise UserError(
            f"{path}: objective: expected one of the metrics, {', '.join(grid.metrics)}; "
            f"got {grid.objective!r}{nearest(grid.objective, grid.metrics)}"
        )
    valid = [*grid.vary, *grid.metrics]
    for number, row in enumerate(grid.published, start=1):
        place = f"{path}: published: row {number}"
        if not isinstance(row, dict):
            raise UserError(f"{place}: expected `key: value`; got {row!r}")
        for key in row:
            if key not in valid:
                raise UserError(
                    f"{place}: {key}: expected one of {', '.join(valid)}{nearest(str(key), valid)}"
                )
        for key in grid.vary:
            if key not in row:
                raise UserError(f"{place}: {key} is missing")
        for key in grid.metrics:
            if not _is_metric(row.get(key)):
                raise UserError(f"{place}: {key}: expected a number; got {row[key]!r}")


def _is_metric(value: Any) -> bool:
    """Return whether `value` is a number that a float can hold, or None where nothing was published."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and abs(value) <= sys.float_info.max)


def _dotted(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
