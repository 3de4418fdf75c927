"""Checkpoints of a run: the state after the last epoch and after the best one, and the frozen weights."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kmlc.arrays import read_arrays, write_arrays
from kmlc.errors import UserError
from kmlc.files import check_room, link, write_with
from kmlc.models.submodel import constants
from kmlc.training.history import History
from kmlc.weights_file import load_weights_file


def save_weights(path: Path, model: keras.Model) -> None:
    """Write the weights of a model into one `.weights.h5` file, whole or not at all.

    Raises:
        UserError: if the disk has no room for them.
    """
    weights = _weights_alone(model)
    # HDF5 adds one to two kilobytes to each array.
    check_room(path, sum(weight.nbytes + 8192 for weight in weights.get_weights()))
    write_with(path, weights.save_weights)


def load_weights(path: Path, model: keras.Model) -> None:
    """Load what `save_weights` wrote into a model built the same way.

    Raises:
        UserError: if the file is missing or damaged, holds more than arrays, or does not fit the model, as
            after another version of kmlc.
    """
    load_weights_file(path, _weights_alone(model), "the model that config.yaml describes")


def _weights_alone(model: keras.Model) -> keras.Model:
    """Return the same layers without the optimizer, whose state Keras would also write into the file."""
    return keras.Model(model.inputs, model.outputs)


def save_state(path: Path, model: keras.Model, history: History, started: str = "") -> None:
    """Write weights, optimizer state, seeds of random layers and history into one file, whole or not at all.

    Frozen weights in inference mode are not written, as no training changes them (`save_frozen`).

    Args:
        path: the `.npz` file.
        model: a compiled model.
        history: the metrics of the finished epochs. Patience, best epoch and learning rate are computed from
            them, so they need no state of their own.
        started: when the run started, as its manifest says; no other run resumes from the file.
    """
    _write(path, _variables(model), started, {"history": np.array(json.dumps(history))})


def save_best_state(best: Path, path: Path, model: keras.Model, history: History, started: str = "") -> None:
    """Write the state after the best epoch so far under two names: `best`, and `path` of the last epoch.

    `path` comes second: a kill may leave it an epoch behind, which is repeated, and `best` is written again.
    """
    save_state(best, model, history, started)
    link(best, path)


def load_state(path: Path, model: keras.Model, started: str = "", columns: Iterable[str] = ()) -> History:
    """Restore what `save_state` wrote into a model built and compiled the same way; return the history.

    Its frozen weights stay as they are.

    Args:
        path: the file.
        model: a compiled model.
        started: when the run started.
        columns: what every epoch of the history must have (`kmlc.training.history.columns`).

    Raises:
        UserError: if the file is damaged, of another run, or does not fit the model.
    """
    variables = _variables(model)
    values, others = _read(path, variables, started)
    history = _history(path, str(others.get("history")), set(columns))
    _assign(variables, values)
    return history


def save_frozen(path: Path, model: keras.Model, started: str) -> None:
    """Write the frozen weights in inference mode, once for the whole run; no file if there are none."""
    if variables := constants(model):
        _write(path, variables, started)


def load_frozen(path: Path, model: keras.Model, started: str) -> None:
    """Restore what `save_frozen` wrote.

    Raises:
        UserError: as `load_state`.
    """
    if variables := constants(model):
        _assign(variables, _read(path, variables, started)[0])


def _write(
    path: Path, variables: Sequence[Any], started: str, others: Mapping[str, np.ndarray] | None = None
) -> None:
    arrays = {
        f"variable_{number:05d}": np.asarray(keras.ops.convert_to_numpy(variable))
        for number, variable in enumerate(variables)
    }
    path.parent.mkdir(exist_ok=True)
    write_arrays(path, {**arrays, "started": np.array(started), **(others or {})})


def _read(
    path: Path, variables: Sequence[Any], started: str
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Return the values of variables, and the file's other arrays by name."""
    arrays = read_arrays(path)
    if str(arrays.pop("started", None)) != started:
        raise UserError(f"{path}: expected the state of this run; got that of another one")
    names = sorted(name for name in arrays if name.startswith("variable_"))
    values = [arrays.pop(name) for name in names]
    kinds = [(tuple(each.shape), keras.backend.standardize_dtype(each.dtype)) for each in variables]
    if [(array.shape, str(array.dtype)) for array in values] != kinds:
        raise UserError(f"{path}: does not fit the model that config.yaml describes; it cannot be resumed")
    return values, arrays


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _history(path: Path, text: str, names: set[str]) -> History:
    expected = f"{path}: damaged; expected the metrics of each epoch"
    try:
        history: History = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{expected} as JSON") from None
    if not isinstance(history, list) or not all(
        isinstance(epoch, dict)
        and names <= epoch.keys()
        and all(type(value) is float for value in epoch.values())
        for epoch in history
    ):
        raise UserError(f"{expected}, numbers by their names")
    return history


def _variables(model: keras.Model) -> list[Any]:
    # The optimizer makes its variables at its first step; a resumed one needs them earlier. A second build
    # would duplicate some variables of the loss-scaling optimizer of float16.
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    constant = {id(variable) for variable in constants(model)}
    changing = (variable for variable in model.variables if id(variable) not in constant)
    return [*changing, *model.optimizer.variables]
