"""A grid: the model it starts from, the settings that vary, and the published table to lay ours beside."""

import dataclasses
import itertools
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kmlc.arguments import nearest
from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered, model_names, read_settings, setting_flags, setting_types

GRIDS = CONFIGS / "grids"

Values = Mapping[str, Any]
"""The values of a trial by the dotted keys of the settings that vary, such as {"train.epochs": 3}."""

EPOCHS = "train.epochs"

OBJECTIVES: dict[str, Literal["min", "max"]] = {
    **dict.fromkeys(("micro_f1", "macro_f1", "samples_f1", "micro_map", "macro_map"), "max"),
    **dict.fromkeys(("subset_accuracy", "batch_macro_f1"), "max"),
    **dict.fromkeys(("superclass_accuracy", "subclass_accuracy", "hierarchical_f1"), "max"),
    **dict.fromkeys(("hamming_loss", "val_loss"), "min"),
}
"""What the best trial may be the best by, and whether more or less of it is better."""

HIERARCHY_METRICS = [
    *("superclass_accuracy", "subclass_accuracy", "consistency"),
    *("hierarchical_precision", "hierarchical_recall", "hierarchical_f1"),
]
"""The metrics of a hierarchy's closed set; the other objectives are of several labels, the loss of both."""

_JUDGED = {
    *OBJECTIVES.keys() - {"val_loss"},
    *HIERARCHY_METRICS,
    *(f"open_{name}" for name in HIERARCHY_METRICS),
    *("superclass_auroc", "subclass_auroc"),
}

METRICS = frozenset({"minutes", "train_loss", "val_loss", *_JUDGED, *(f"test_{name}" for name in _JUDGED)})
"""What a table may show of a trial: the columns of results.csv that hold metrics."""


def shares(shorter: Values, longer: Values) -> bool:
    """Return whether one trial is the first epochs of another."""
    if EPOCHS not in longer:
        return False
    same = {**shorter, EPOCHS: 0} == {**longer, EPOCHS: 0}
    return bool(same and shorter[EPOCHS] < longer[EPOCHS])


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, for a search that draws them.

    Attributes:
        min: the smallest.
        max: the largest.
        log: draw the logarithm evenly, as suits a learning rate.
        whole: whole numbers alone.
    """

    min: float
    max: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Grid:
    """What a file in configs/grids says.

    Attributes:
        name: the file's name without its suffix.
        title: one line for people.
        model: the model that every trial starts from, unless `model` itself varies.
        vary: the values, or the range, of each setting that varies, by dotted key.
        settings: settings of every trial, over those of the model, by dotted key.
        objective: what the best trial is the best by: a validation metric in metrics.json, or val_loss.
        metrics: the columns of the published table and of ours, by the names of ours.
        published: its rows: the varied settings by dotted key, and the metrics.
        source: where the published table is from.
    """

    name: str
    title: str
    model: str
    vary: dict[str, list[Any] | Range]
    settings: dict[str, Any] = field(default_factory=dict)
    objective: str = "micro_f1"
    metrics: list[str] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    source: str = ""

    @property
    def direction(self) -> Literal["min", "max"]:
        """Whether a lower or a higher objective is better."""
        return OBJECTIVES[self.objective]

    def config(self, values: Values, flags: Sequence[str] = ()) -> Config:
        """Return the settings of a trial.

        Args:
            values: the values of the settings that vary.
            flags: words such as "--images.size=48", over the grid's settings and under the values.

        Raises:
            UserError: for a value out of its range.

        Example:
            read_grid("report2").config({"train.epochs": 1})
        """
        fixed = setting_flags(self.settings)
        varied = setting_flags({key: value for key, value in values.items() if key != "model"})
        model = values.get("model", self.model)
        return layered([CONFIGS / f"{model}.yaml"], [*fixed, *flags, *varied])

    def trials(self) -> list[dict[str, Any]]:
        """Return every combination of the values; the setting named last varies fastest, but for the epochs.

        Trials that differ in their epochs alone stand side by side, shortest first: each goes on from the one
        before it.

        Raises:
            UserError: if a setting has a range, which has no combinations.
        """
        for key, values in self.vary.items():
            if isinstance(values, Range):
                raise UserError(f"{self.name}: vary: {key}: a range cannot be gone through; list its values")
        lists = [values for values in self.axes().values() if not isinstance(values, Range)]
        return [dict(zip(self.axes(), trial, strict=True)) for trial in itertools.product(*lists)]

    def first_values(self) -> dict[str, Any]:
        """Return the first value of each list and the smallest of each range."""
        return {key: axis.min if isinstance(axis, Range) else axis[0] for key, axis in self.axes().items()}

    def axes(self) -> dict[str, list[Any] | Range]:
        """Return what varies, the epochs last and in ascending order."""
        axes = {key: values for key, values in self.vary.items() if key != EPOCHS}
        epochs = self.vary.get(EPOCHS)
        if epochs is not None:
            axes[EPOCHS] = epochs if isinstance(epochs, Range) else sorted(epochs)
        return axes


def grid_names() -> list[str]:
    """Return the names that `--grid` takes, one for each file in configs/grids/."""
    return sorted(path.stem for path in GRIDS.glob("*.yaml"))


def read_grid(name: str) -> Grid:
    """Read a grid by its name in configs/grids/, or from a file of one's own.

    Args:
        name: such as "report2" or "mine.yaml".

    Raises:
        UserError: if there is none, or it says what it cannot mean: the file, the key, what was expected.

    Example:
        read_grid("report2").trials()  # sixteen
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
    if content["model"] not in model_names():
        raise UserError(
            f"{path}: model: expected one of {', '.join(model_names())}; "
            f"got {content['model']!r}{nearest(content['model'], model_names())}"
        )
    if content.get("objective", "micro_f1") not in OBJECTIVES:
        raise UserError(
            f"{path}: objective: expected one of {', '.join(OBJECTIVES)}; got {content['objective']!r}"
        )
    content["settings"] = _dotted(content.get("settings", {}))
    _check_keys(path, "settings", content["settings"])
    _check_keys(path, "vary", content["vary"])
    content["vary"] = {key: _axis(path, key, value) for key, value in content["vary"].items()}
    grid = Grid(**{"title": path.stem, **content, "name": path.stem})
    _check_values(path, grid)
    _check_metrics(path, grid)
    return grid


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
"""The keys of a file, and what stands there."""

_DESCRIBED: dict[type, str] = {
    str: "a text",
    list: "a list",
    dict: "settings as `key: value`, such as `train.epochs: [1, 3]`",
}


def _axis(path: Path, key: str, value: Any) -> list[Any] | Range:
    if isinstance(value, dict):
        value = {name: _number(each) for name, each in value.items()}
        if not _is_range(value):
            raise UserError(
                f"{path}: vary: {key}: expected min below max (and above 0 with log), and log or whole if "
                f"wanted; got {value!r}"
            )
        return Range(**value)
    if not isinstance(value, list) or not value:
        raise UserError(f"{path}: vary: {key}: expected a list of values, or min and max; got {value!r}")
    value = [_number(each) for each in value]
    if len({repr(each) for each in value}) < len(value):
        raise UserError(f"{path}: vary: {key}: a value stands there twice: {value!r}")
    return value


def _number(value: Any) -> Any:
    """Return the number that a text such as "1e-4" means, which YAML 1.1 takes for a text; else the value."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


def _is_range(value: Mapping[str, Any]) -> bool:
    """Return whether `value` has the keys of a Range and such values as it can have."""
    names = {each.name for each in dataclasses.fields(Range)}
    if not {"min", "max"} <= set(value) <= names:
        return False
    numbers = all(isinstance(value[key], int | float) for key in ("min", "max"))
    switches = all(isinstance(value[key], bool) for key in ("log", "whole") if key in value)
    return numbers and switches and value["min"] < value["max"] and (not value.get("log") or value["min"] > 0)


def _check_keys(path: Path, part: str, settings: Mapping[str, Any]) -> None:
    valid = list(setting_types())
    for key in settings:
        if key not in valid:
            raise UserError(f"{path}: {part}: {key}: no such setting{nearest(str(key), valid)}")


def _check_values(path: Path, grid: Grid) -> None:
    """Build the settings with every value once, so that none is found wrong hours into a search."""
    first = {key: _samples(axis) if isinstance(axis, Range) else axis for key, axis in grid.vary.items()}
    plain = {key: values[0] for key, values in first.items()}
    for key, values in first.items():
        for value in values:
            if key == "model" and value not in model_names():
                raise UserError(
                    f"{path}: vary: model: no such model: {value!r}{nearest(str(value), model_names())}"
                )
            try:
                grid.config(plain | {key: value})
            except UserError as error:
                raise UserError(f"{path}: {error}") from None


def _samples(axis: Range) -> list[float]:
    """Return the bounds of a range, and of one that is not of whole numbers a fraction between them."""
    bounds = [axis.min, axis.max]
    return bounds if axis.whole else [*bounds, axis.min + (axis.max - axis.min) / math.pi]


def _check_metrics(path: Path, grid: Grid) -> None:
    """Hold the published rows to what varies and to the metrics, so that none misses its column."""
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
        if not isinstance(row, dict):
            raise UserError(f"{path}: published: row {number}: expected `key: value`; got {row!r}")
        for key in row:
            if key not in valid:
                raise UserError(
                    f"{path}: published: row {number}: {key}: expected one of {', '.join(valid)}"
                    f"{nearest(str(key), valid)}"
                )
        for key in grid.vary:
            if key not in row:
                raise UserError(f"{path}: published: row {number}: {key} is missing")
        for key in grid.metrics:
            if not _is_metric(row.get(key)):
                raise UserError(
                    f"{path}: published: row {number}: {key}: expected a number; got {row[key]!r}"
                )


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
