"""Weights files of strangers: what HDF5 allows beyond arrays is refused before any of it is read."""

import math
import re
import warnings
from pathlib import Path

import h5py
import keras

from kmlc.errors import UserError

MAX_EXPANSION = 1000
"""How many times its size on the disk an array may take in memory; trained weights hardly compress."""


def check_weights_file(path: Path) -> None:
    """Check that a `.weights.h5` file holds nothing but arrays of its own.

    HDF5 can also refer to other files of this machine, whose bytes would become weights, and can declare an
    array of any size without holding it. Keras checks some of this since 3.13; this checks all objects of the
    file, those that Keras would not read included.

    Raises:
        UserError: if it is no HDF5 file, or an object in it is a link, lies in another file, is made of other
            arrays, is no number, or takes more than 1,000 times its size on the disk.

    Example:
        check_weights_file(Path("vgg16.weights.h5"))
    """
    try:
        with h5py.File(path, "r") as file:
            _check_group(file, {hash(file["/"].id)}, path)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path}: damaged; expected a Keras weights file (*.weights.h5) ({reason})") from None


def load_weights_file(path: Path, model: keras.Model, name: str) -> None:
    """Check a `.weights.h5` file with `check_weights_file`, and load it into a model.

    Args:
        path: the file.
        model: a model of the same architecture.
        name: what the weights do not fit, for the message.

    Raises:
        UserError: if the file is damaged or holds more than arrays, or does not fit: with the first layer,
            what was expected there and what came.

    Example:
        load_weights_file(Path("vgg16.weights.h5"), keras.applications.VGG16(weights=None), "VGG16")
    """
    check_weights_file(path)
    try:
        with warnings.catch_warnings():
            # Keras warns of every layer that is missing in the file before it raises.
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise UserError(f"{path}: does not fit {name} ({_mismatch(str(error))})") from None


def _mismatch(message: str) -> str:
    """Return what Keras's message says of the first layer that does not fit."""
    shape = re.search(
        r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))\. "
        r"Target variable: <Variable path=([^,]+)",
        message,
    )
    if shape:
        return f"{shape[3]}: expected shape {shape[1]}; got {shape[2]}"
    count = re.search(r"Layer '([^']*)' expected (\d+) variables, but received (\d+)", message)
    if count:
        return f"layer {count[1]}: expected {count[2]} arrays; got {count[3]}"
    return " ".join(message.split())[:200]


def _check_group(group: h5py.Group, seen: set[int], path: Path) -> None:
    for name in group:
        place = f"{group.name.rstrip('/')}/{name}"
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink | h5py.SoftLink):
            raise UserError(f"{path}: {place}: expected an array; got a link")
        each = group[name]
        if isinstance(each, h5py.Group):
            if hash(each.id) in seen:  # a hard link to a group above would have no end
                raise UserError(f"{path}: {place}: expected a group of its own; got one that is there twice")
            seen.add(hash(each.id))
            _check_group(each, seen, path)
        elif isinstance(each, h5py.Dataset):
            _check_array(each, f"{path}: {place}")
        else:
            raise UserError(f"{path}: {place}: expected an array; got {type(each).__name__}")


def _check_array(array: h5py.Dataset, place: str) -> None:
    if array.external or array.is_virtual:
        raise UserError(f"{place}: expected an array in the file itself; got one in other files")
    if array.shape is None or array.dtype.kind not in "biufV":
        raise UserError(f"{place}: expected an array of numbers; got {array.dtype}")
    size, stored = math.prod(array.shape) * array.dtype.itemsize, array.id.get_storage_size()
    if size > MAX_EXPANSION * max(stored, 1):
        raise UserError(f"{place}: expected an array; got {size:,} bytes of which the file holds {stored:,}")
