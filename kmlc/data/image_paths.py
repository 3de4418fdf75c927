"""From the names of images to their files, none of which is outside the image folder."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kmlc.data.columns import strings


def image_paths(folder: Path, names: Sequence[str] | np.ndarray, anywhere: bool) -> np.ndarray:
    """Return the path of each image, a column of strings, "" for a name that leads out of the image folder.

    A table from a stranger must not choose which files of this machine are read. Absolute paths, `..` and
    links lead out: an archive from a stranger can hold links as easily as its table can hold `..`. Links that
    stay in the folder are followed, and the folder itself may be a link.

    Args:
        folder: the image folder.
        names: names of images, relative to it.
        anywhere: `images.anywhere`, to return every path.

    Example:
        image_paths(Path("my_folder/data"), ["1.jpg", "../secret.jpg"], anywhere=False)
    """
    paths = (str(folder / name) for name in names)
    if anywhere:
        return strings(paths, len(names))
    root = os.path.realpath(folder)
    resolve_folder = functools.cache(os.path.realpath)
    inside = (path if _is_inside(path, root, resolve_folder) else "" for path in paths)
    return strings(inside, len(names))


def _is_inside(path: str, root: str, resolve_folder: Callable[[str], str]) -> bool:
    parent, name = os.path.split(path)
    try:
        if name == "..":
            resolved = os.path.realpath(path)
        else:  # one system call for most images
            resolved = os.path.join(resolve_folder(parent), name)  # noqa: PTH118
            if os.path.islink(resolved):  # noqa: PTH114
                resolved = os.path.realpath(resolved)
    except ValueError:  # a null character: no file has this name
        return True
    return os.path.commonpath([resolved, root]) == root
