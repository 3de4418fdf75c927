"""Arrays by their names in `.npz` files, read as foreign ones: nothing in them runs or fills the memory."""

import math
import struct
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from kmlc.errors import UserError, reason_of
from kmlc.files import write_with

_NPZ = "an .npz file, as numpy.savez writes"

# Arrays of numbers become a few times smaller; those of zeros in a crafted file a thousand times.
_MAX_COMPRESSION = 100
_MAX_COMPRESSED = 10**9

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""What reads the header of an array, by the version of its format."""


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by their names into an `.npz` file, whole or not at all; none may need pickle."""

    def save(temporary: Path) -> None:
        # An open file, because NumPy appends ".npz" to a path that ends otherwise.
        with temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)

    write_with(path, save)


def read_arrays(
    path: Path, names: Iterable[str] | None = None, mapped: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Read arrays of an `.npz` file.

    Args:
        path: the file.
        names: which arrays to read, of those that are there; None is all.
        mapped: which of them to memory-map, read-only, where the file is uncompressed.

    Raises:
        UserError: if the file is missing or damaged, an array needs pickle, or the file is more than 1 GB
            and 100 times as large when decompressed.

    Example:
        arrays = read_arrays(Path("rows.npz"), names=("X", "y"))
    """
    try:
        with path.open("rb") as stream:
            _check_size(path, sum(member.file_size for member in zipfile.ZipFile(stream).infolist()))
            stream.seek(0)
            archive = np.load(stream, allow_pickle=False)
            found = archive.files if names is None else [name for name in names if name in archive.files]
            arrays = {}
            for name in found:
                value = _mapped(path, name, archive.zip) if name in mapped else None
                arrays[name] = _array(path, name, archive) if value is None else value
            return arrays
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {_NPZ}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; expected {_NPZ}") from None
    except Exception as error:  # zipfile and NumPy raise anything on damaged bytes
        raise UserError(f"{path}: damaged; expected {_NPZ} ({reason_of(error)})") from None


def _check_size(path: Path, size: int) -> None:
    if size > max(_MAX_COMPRESSED, _MAX_COMPRESSION * path.stat().st_size):
        raise UserError(
            f"{path}: expected an .npz file of up to {_MAX_COMPRESSION} times its size when decompressed; "
            f"got {size / 1e9:,.1f} GB in {path.stat().st_size:,} bytes"
        )


def _mapped(path: Path, name: str, archive: zipfile.ZipFile) -> np.ndarray | None:
    """Return an array that stays in the file, or None if it cannot, as where it is compressed.

    The whole array is read once, because only then `zipfile` compares the checksum.
    """
    if f"{name}.npy" not in archive.NameToInfo:
        return None
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        return None
    with archive.open(member) as stream:
        read_header = _HEADERS.get(np.lib.format.read_magic(stream))
        if read_header is None:
            return None
        shape, fortran, dtype = read_header(stream)
        header = stream.tell()
        while stream.read(2**20):
            pass
    if dtype.hasobject or header + math.prod(shape) * dtype.itemsize != member.file_size or 0 in shape:
        return None
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)
        # The lengths of two fields that end the header of the member, which has 30 bytes before them.
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        start = member.header_offset + 30 + name_length + extra_length + header
        return np.memmap(file, dtype, "r", start, shape, "F" if fortran else "C")


def _array(path: Path, name: str, archive: np.lib.npyio.NpzFile) -> np.ndarray:
    try:
        value = archive[name]
    except ValueError as error:
        # NumPy has no exception of its own for arrays that need pickle.
        if "allow_pickle" not in str(error):
            raise
        raise UserError(
            f"{path}: {name}: expected plain numbers or strings; got Python objects, which are not read "
            "because they can run code"
        ) from None
    # NumPy returns a member of the archive in another format as bytes.
    if not isinstance(value, np.ndarray):
        raise UserError(f"{path}: {name}: expected an array; got something else")
    return value
