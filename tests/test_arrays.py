import zipfile
from pathlib import Path

import numpy as np
import pytest

from kmlc.arrays import read_arrays, write_arrays
from kmlc.errors import UserError

ARRAYS: dict[str, np.ndarray] = {"a": np.arange(3), "b": np.zeros((2, 2), np.float32)}


def test_written_arrays_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    write_arrays(path, ARRAYS)
    read = read_arrays(path)
    assert list(read) == ["a", "b"]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    assert list(read_arrays(path, ["b", "c"])) == ["b"]


def test_a_file_that_decompresses_to_gigabytes_is_not_read(tmp_path: Path) -> None:
    """A bomb of a few kB was decompressed, and filled the memory."""
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"")
        archive.filelist[0].file_size = 3 * 10**9  # of zeros, which would take seconds to write
    size = path.stat().st_size
    with pytest.raises(
        UserError, match=rf"^{path}: expected .* up to 100 times .*; got 3\.0 GB in {size} bytes$"
    ):
        read_arrays(path)


def test_an_array_of_zeros_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, a=np.zeros(10**6, np.uint8))
    assert path.stat().st_size < 10**4
    assert read_arrays(path)["a"].shape == (10**6,)


@pytest.mark.parametrize("change", [b"PK\x01\x02", b"descr", b"'<i8'", b"(3,)"])
def test_damaged_bytes_are_one_line(change: bytes, tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    write_arrays(path, ARRAYS)
    content = path.read_bytes()
    path.write_bytes(content.replace(change, b"\xff" * len(change)))
    with pytest.raises(UserError, match=rf"^{path}: .*expected") as raised:
        read_arrays(path)
    assert "\n" not in str(raised.value)
