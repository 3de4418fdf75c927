"""Values of settings in one form, to compare them and to display them."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any


def normalise(value: Any) -> Any:
    """Return a setting's value in one form, whether it comes from CSV, YAML or NumPy.

    A string of JSON is parsed, an integral float becomes an integer, a missing value None. Floats are rounded
    to 12 digits, because pandas may misread the last ones.

    Example:
        normalise("[0.5, 30.0]")  # [0.5, 30]
    """
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str):
        value = {"True": True, "False": False}.get(value, value)
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, list | tuple):
        return [normalise(each) for each in value]
    if isinstance(value, float):
        if math.isnan(value):
            return None
        value = float(f"{value:.12g}")
        return int(value) if value.is_integer() else value
    return value


def canonical(value: Any) -> str:
    """Return a setting's value as JSON; equal values have equal strings, to compare and to group by."""
    return json.dumps(normalise(value), ensure_ascii=False)


def format_value(value: Any) -> str:
    """Return a setting's value for display: a float with four digits, a string without quotes."""
    value = normalise(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else canonical(value)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return the last segment of each dotted key, or the whole key if that segment is ambiguous.

    A key that ends in `.name` gets the segment before it.

    Example:
        short_names(["fusion.name", "train.epochs"])  # {"fusion.name": "fusion", "train.epochs": "epochs"}
    """
    last = {key: key.removesuffix(".name").rpartition(".")[2] for key in keys}
    return {key: name if list(last.values()).count(name) == 1 else key for key, name in last.items()}


def format_values(values: Mapping[str, Any]) -> str:
    """Return a trial's settings in one line.

    Example:
        format_values({"train.epochs": 3, "loss.name": "bce"})  # "epochs 3, loss bce"
    """
    names = short_names(list(values))
    return ", ".join(f"{names[key]} {format_value(value)}" for key, value in values.items())
