"""What a weights file of a stranger may not hold: it would read local files or fill the memory."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kmlc.config import TowerConfig
from kmlc.errors import UserError
from kmlc.models.image import TOWERS
from kmlc.models.image.tower import image_tower, load_tower_weights
from kmlc.training.checkpoint import load_weights, save_weights
from kmlc.weights_file import check_weights_file, load_weights_file

ARRAY = "layers/dense/vars/0"


def small_model() -> keras.Model:
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(inputs))


def external_storage(file: h5py.File) -> None:
    """CVE-2026-1669: the array's bytes are those of a file of this machine."""
    secret = Path(file.filename).with_name("secret")
    secret.write_bytes(b"s" * 24)
    file.create_dataset(ARRAY, (3, 2), "f4", external=[(str(secret), 0, 24)])


def external_link(file: h5py.File) -> None:
    other = Path(file.filename).with_name("other.h5")
    with h5py.File(other, "w") as secret:
        secret["x"] = np.ones((3, 2), "f4")
    file[ARRAY] = h5py.ExternalLink(str(other), "x")


def soft_link(file: h5py.File) -> None:
    file["x"] = np.ones((3, 2), "f4")
    file[ARRAY] = h5py.SoftLink("/x")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
    file.create_virtual_dataset(ARRAY, layout)


def bomb(file: h5py.File) -> None:
    """CVE-2026-0897: 4 TB of zeros in a file of a few hundred bytes."""
    file.create_dataset(ARRAY, (10**6, 10**6), "f4", chunks=(1000, 1000), compression="gzip")


def endless(file: h5py.File) -> None:
    file["layers/dense/vars"] = file["/"]


def text(file: h5py.File) -> None:
    file[ARRAY] = "text"


def a_type(file: h5py.File) -> None:
    file[ARRAY] = np.dtype("f4")


BAD: list[tuple[Callable[[h5py.File], None], str]] = [
    (external_storage, "/layers/dense/vars/0: expected an array in the file itself; got one in other files"),
    (external_link, "/layers/dense/vars/0: expected an array; got a link"),
    (soft_link, "/layers/dense/vars/0: expected an array; got a link"),
    (virtual, "/layers/dense/vars/0: expected an array in the file itself; got one in other files"),
    (bomb, "expected an array; got 4,000,000,000,000 bytes of which the file holds 0"),
    (endless, "/layers/dense/vars: expected a group of its own; got one that is there twice"),
    (text, "/layers/dense/vars/0: expected an array of numbers; got object"),
    (a_type, "/layers/dense/vars/0: expected an array; got Datatype"),
]


@pytest.mark.parametrize(("write", "said"), BAD, ids=lambda each: getattr(each, "__name__", ""))
def test_a_file_with_more_than_arrays_is_refused_by_all_readers(
    write: Callable[[h5py.File], None], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "backbone.weights.h5"
    with h5py.File(path, "w") as file:
        write(file)
    tower, config = TOWERS["simple_cnn"], TowerConfig("simple_cnn", weights=str(path))
    readers: list[Callable[[], None]] = [
        lambda: check_weights_file(path),
        lambda: load_weights(path, small_model()),
        lambda: load_tower_weights(image_tower(tower, 16, config), tower, config),
    ]
    for read in readers:
        with pytest.raises(UserError) as raised:
            read()
        assert said in str(raised.value)
        assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + b"x" * 5000]
)
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.weights\.h5: damaged; expected a Keras weights file"):
        check_weights_file(path)


def test_saved_weights_pass(tmp_path: Path) -> None:
    path, model = tmp_path / "best.weights.h5", small_model()
    save_weights(path, model)
    check_weights_file(path)
    other = small_model()
    load_weights(path, other)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_a_model_file_that_can_hold_code_is_never_loaded(tmp_path: Path) -> None:
    """CVE-2024-3660 and the bypasses of safe_mode after it: no reader builds layers from a file."""
    model = small_model()
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        tower, config = TOWERS["simple_cnn"], TowerConfig("simple_cnn", weights=str(tmp_path / name))
        with pytest.raises(UserError, match=r"expected none, imagenet or a Keras weights file"):
            load_tower_weights(image_tower(tower, 16, config), tower, config)
    with zipfile.ZipFile(tmp_path / "zip.weights.h5", "w") as archive:
        archive.writestr("../../config.json", "{}")
    with pytest.raises(UserError, match="damaged; expected a Keras weights file"):
        check_weights_file(tmp_path / "zip.weights.h5")


def test_no_module_loads_models_or_unpickles_or_unpacks() -> None:
    """What Keras's published CVEs need is not called; Ray unpickles what the driver itself sends.

    KerasHub's `get_file` is another than Keras's: it finds a file of a preset.
    """
    package = Path(__file__).parent.parent / "kmlc"
    dangerous = [
        *("load_model", "from_config(", "model_from_json", "TFSMLayer", "get_file(", "extractall"),
        *("Lambda(", "allow_pickle=True", "joblib", "eval(", "exec(", "yaml.load(", "StringLookup"),
    ]
    found = {
        (path.name, word)
        for path in package.rglob("*.py")
        for word in (*dangerous, "pickle.load")
        if word in path.read_text(encoding="utf-8")
    }
    assert found == {("ray.py", "pickle.load"), ("presets.py", "get_file(")}


@pytest.mark.parametrize(
    ("width", "layer", "said"),
    [
        (4, keras.layers.Dense(2, name="head"), r"head/kernel: expected shape \(4, 2\); got \(3, 2\)"),
        (3, keras.layers.Dense(2, name="head", use_bias=False), "layer head: expected 1 arrays; got 2"),
        (3, keras.layers.BatchNormalization(name="norm"), "layer norm: expected 4 arrays; got 0"),
    ],
)
def test_weights_of_another_architecture_name_the_layer(
    width: int, layer: keras.Layer, said: str, tmp_path: Path
) -> None:
    """The message did not say which layer differs, nor how."""
    small_model().save_weights(tmp_path / "small.weights.h5")
    inputs = keras.Input((width,))
    model = keras.Model(inputs, layer(inputs))
    with pytest.raises(UserError, match=rf"small\.weights\.h5: does not fit mine \({said}\)$"):
        load_weights_file(tmp_path / "small.weights.h5", model, "mine")
