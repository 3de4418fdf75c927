"""Atomic writes: to a hidden temporary file, then renamed.

A kill leaves at most the temporary file, which the next command removes.
"""

import errno
import hashlib
import json
import math
import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from kmlc.errors import UserError, WriteError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name keeps the suffix, for libraries that choose a format by it. A file that is replaced
    keeps its permissions. Of a symbolic link the file that it points to is replaced. A device, a pipe and the
    file that this process prints into are never replaced: what the block made is written into them.

    Raises:
        WriteError: if the file cannot be written; what was at `path` is still there.

    Example:
        with replacing(Path("best.weights.h5")) as temporary:
            model.save_weights(temporary)
    """
    try:
        if _is_stream(path):
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder) / path.name
                with (Path(folder) / path.name).open("rb") as source, _open_stream(path) as stream:
                    shutil.copyfileobj(source, stream)
        else:
            yield from _replacing_file(Path(os.path.realpath(path)))
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        raise WriteError(f"{path}: could not be written: {reason}") from error


def _replacing_file(path: Path) -> Iterator[Path]:
    # The end of a long name, because a name has 255 bytes at most.
    temporary = path.with_name(f".{os.getpid()}-{path.name[-50:]}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """Return whether a path is a device, a pipe, or the file that standard output or error goes to."""
    if not path.exists() or path.is_dir():
        return False
    return not path.is_file() or any(_is_descriptor(path, number) for number in (1, 2))


def _open_stream(path: Path) -> IO[bytes]:
    """Open a device, a pipe, or, after what was printed so far, the file that this process prints into."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if _is_descriptor(path, number):
            stream.flush()
            return os.fdopen(os.dup(number), "wb")
    return path.open("ab")


def _is_descriptor(path: Path, number: int) -> bool:
    with suppress(OSError):  # a descriptor that is closed
        return os.path.samestat(path.stat(), os.fstat(number))
    return False


def same_file(one: Path, other: Path) -> bool:
    """Return whether two paths are the same file, also through links; neither need exist.

    Example:
        same_file(Path("out.csv"), Path("./out.csv"))  # True
    """
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return one.exists() and other.exists() and one.samefile(other)


def is_left_behind(name: str) -> bool:
    """Return whether a file has the temporary name of a process that no longer runs on this host.

    Example:
        is_left_behind(".4711-report.md")  # True, if there is no process 4711
    """
    found = re.match(r"\.(\d{1,10})-.", name)
    if found is None:
        return False
    try:
        os.kill(int(found[1]), 0)  # signals nothing
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # another user's
        return False
    return False


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; a NaN is an error, because JSON has none."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=2, ensure_ascii=False, allow_nan=False)
        stream.write("\n")


def read_json(path: Path, expected: type = object) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        expected: the Python type of the whole value, such as `dict`.

    Raises:
        UserError: if the file is missing, unreadable or no JSON in UTF-8, if the value has another type, or
            if it holds what kmlc never writes: NaN, infinity, a key twice in one object, whole numbers of
            more than 64 bits, or half a surrogate pair.

    Example:
        metrics = read_json(Path("runs/mine/metrics.json"), dict)
    """
    try:
        if path.stat().st_size > _MAX_JSON:
            raise ValueError(f"more than {_MAX_JSON:,} bytes")
        text = path.read_text(encoding="utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_not_finite,
            parse_float=_finite,
            parse_int=_of_64_bits,
        )
        if re.search(r"\\u[dD]", text):  # half a surrogate pair could not be written again
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: could not be read: {error.strerror}") from None
    except RecursionError:
        raise UserError(f"{path}: damaged; expected JSON; got too many nested values") from None
    except ValueError as error:
        raise UserError(f"{path}: damaged; expected JSON ({error})") from None
    if not isinstance(value, expected):
        raise UserError(f"{path}: damaged; expected {_JSON_NAMES[expected]}; got {_JSON_NAMES[type(value)]}")
    return value


# What is read is kept in memory several times over.
_MAX_JSON = 10**9

_JSON_NAMES: dict[type, str] = {
    **{dict: "an object", list: "a list", str: "a string", bool: "true or false"},
    **{int: "a number", float: "a number", type(None): "null"},
}
"""JSON's words for Python's types."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r} is there twice")
        found[name] = value
    return found


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is not a finite number")


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _not_finite(text)


def _of_64_bits(text: str) -> int:
    if not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"{text[:20]}… has more than 64 bits")
    return int(text)


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file at a temporary path, then rename it to `path`."""
    with replacing(path) as temporary:
        write(temporary)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, for files that are replaced and never written into; a copy if need be."""
    with replacing(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, temporary)


def check_room(path: Path, size: int) -> None:
    """Raise if the disk has no space for a file of `size` bytes at `path`, or no file may be as large.

    For writers that crash then, as HDF5 does.

    Raises:
        WriteError: with the space that is needed and the space that there is.
    """
    free = shutil.disk_usage(path.parent).free
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    limits = {errno.ENOSPC: free}
    if largest != resource.RLIM_INFINITY:
        limits[errno.EFBIG] = largest
    for number, limit in limits.items():
        if limit < size:
            raise WriteError(
                f"{path}: could not be written: {os.strerror(number)} "
                f"({size / 1e6:.1f} MB needed, {limit / 1e6:.1f} possible)"
            )


def check_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check before the work that a result can be written.

    Args:
        path: where to write it.
        inputs: the files that it is made from, which it must not replace; not all need exist.

    Raises:
        UserError: if `path` is a folder, write-protected or an input, or its folder is missing or not
            writable.
    """
    if path.is_dir():
        raise UserError(f"{path}: expected a file to write, it is a folder")
    if any(same_file(path, each) for each in inputs):
        raise UserError(f"{path}: expected a file to write; got one that is read")
    folder = Path(os.path.realpath(path)).parent
    if not path.exists() and not folder.is_dir():
        missing = folder if path.is_symlink() else path.parent
        raise UserError(f"{missing}: no such folder to write {path.name} in")
    try:
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not _is_stream(path):
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise UserError(f"{path}: could not be written: {error.strerror}") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_folder(folder: str | None = None) -> Path:
    """Return the folder of what is kept between commands: by default kmlc/ in $XDG_CACHE_HOME or ~/.cache.

    Args:
        folder: `cache.folder`; None is the default.

    Raises:
        UserError: if no folder is given and the user has no home directory.
    """
    if folder is not None:
        return Path(folder)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kmlc"
    except RuntimeError:
        raise UserError(
            "no home directory: set the environment variable XDG_CACHE_HOME to a folder that is kept"
        ) from None
