"""Reads images in one folder for each class, as a table like that of a CSV file.

    my_folder/train/cat/1.jpg     or     my_folder/cat/1.jpg         the label is cat
    my_folder/test/1.jpg          or     my_folder/test/cat/1.jpg    not labelled, or cat

The name of an image is its path relative to the data folder; with a training table, the name of an image in
test/ is relative to test/, as in a table. Its label is the name of its folder, without spaces around it.
Hidden files and folders are ignored; anything else that is not used, such as a folder inside a class folder,
is listed.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kmlc.config import Config, TableConfig
from kmlc.data.columns import strings
from kmlc.data.data_report import Finding
from kmlc.data.readers.table import IMAGE_SUFFIXES, Table
from kmlc.errors import UserError


def class_folder_settings(config: Config, folder: Path) -> Config:
    """Return the settings with which a table of class folders is read.

    Image names are relative to `table.images`. The whole name of a folder is one label: the delimiter is the
    one character that no folder name contains, and `labels.kind: auto` means name.
    """
    kind = "name" if config.labels.kind == "auto" else config.labels.kind
    start = _start_of_names(folder, config.table).relative_to(folder).as_posix()
    return replace(
        config,
        table=replace(config.table, images=start),
        labels=replace(config.labels, kind=kind, delimiter="/"),
    )


def read_training_folders(folder: Path, config: TableConfig) -> Table:
    """Read the labelled images of a data folder that has no training table.

    The class folders are those in `train/` (`table.train` without its suffix) or, if there is none, those in
    the data folder itself, except `test/` and the folder `table.images`.

    Args:
        folder: the data folder.
        config: names of files and columns.

    Returns:
        The table with a column of image names and one of labels, sorted by image name, 2.jpg before 10.jpg.

    Raises:
        UserError: if there are not images of at least two labels.

    Example:
        table = read_training_folders(Path("my_folder"), TableConfig())
        labels = table.columns["Labels"]
    """
    root = folder_instead_of(folder / config.train)
    reserved = set[Path]()
    if not root.is_dir() or root == folder:
        root, reserved = folder, {folder_instead_of(folder / config.test), folder / config.images}
    labels, skipped = _images_of_classes(folder, [each for each in _folders(root) if each not in reserved])
    skipped["folder that is no class (table.test, table.images)"] = [
        _name(folder, each) for each in _folders(root) if each in reserved
    ]
    if len(set(labels.values())) < 2:
        found = ", ".join(sorted(set(labels.values()))) or "none"
        raise UserError(
            f"{folder / config.train}: no such file; expected it, or images in folders named by two or more "
            f"labels, as {folder_instead_of(Path(config.train))}/cat/1.jpg or cat/1.jpg; found {found}"
        )
    skipped["image outside the class folders"], others = _images_and_others(folder, root)
    if root != folder:  # the data folder itself may hold tables and a README too
        skipped["file that is no image"] += others
    return _table(root, labels, skipped, config)


def read_test_folder(folder: Path, config: TableConfig) -> Table:
    """Read the images to predict of a data folder that has no test table.

    They are in `test/` (`table.test` without its suffix). Folders in it count as class folders if every image
    is in one of them.

    Args:
        folder: the data folder.
        config: names of files and columns.

    Returns:
        The table with a column of image names and one of labels, sorted likewise; an unknown label is "".

    Raises:
        UserError: if there is no such folder.

    Example:
        names = read_test_folder(Path("my_folder"), TableConfig()).columns["ImageID"]
    """
    root = folder_instead_of(folder / config.test)
    if not root.is_dir():
        raise UserError(f"{folder / config.test}: no such file; expected it, or images in {root.name}/")
    start = _start_of_names(folder, config)
    labels, skipped = _images_of_classes(start, _folders(root))
    unlabelled, others = _images_and_others(start, root)
    skipped["file that is no image"] += others
    if unlabelled:
        labels = dict.fromkeys([*labels, *unlabelled], "")
    return _table(root, labels, skipped, config)


def folder_instead_of(table: Path) -> Path:
    """Return the folder that is read if a table is missing: `train` for `train.csv`."""
    return table.parent / table.stem


def _start_of_names(folder: Path, config: TableConfig) -> Path:
    """Return the folder that image names are relative to."""
    return folder_instead_of(folder / config.test) if (folder / config.train).is_file() else folder


def _images_of_classes(folder: Path, classes: Iterable[Path]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the label of each image by its name, and what is not used by what it is."""
    labels: dict[str, str] = {}
    no_image: list[str] = []
    empty: list[str] = []
    nested: list[str] = []
    for class_folder in classes:
        images, others = _images_and_others(folder, class_folder)
        # Unicode writes an accented letter in two ways; both are one label.
        label = unicodedata.normalize("NFC", _name(class_folder.parent, class_folder))
        labels |= dict.fromkeys(images, label)
        no_image += others
        empty += [] if images else [_name(folder, class_folder)]
        nested += [_name(folder, each) for each in _folders(class_folder)]
    return labels, {
        "file that is no image": no_image,
        "class folder without an image": empty,
        "folder inside a class folder": nested,
    }


def _images_and_others(folder: Path, root: Path) -> tuple[list[str], list[str]]:
    """Return the names of the images and of the other files directly in a folder."""
    files, _ = _visible(root)
    images = [_name(folder, path) for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    others = [_name(folder, path) for path in files if path.suffix.lower() not in IMAGE_SUFFIXES]
    return images, others


def _folders(root: Path) -> list[Path]:
    _, folders = _visible(root)
    return folders


def _visible(root: Path) -> tuple[list[Path], list[Path]]:
    """Return what is not hidden in a folder: files, also pipes and broken links, and folders."""
    try:
        paths = sorted(path for path in root.iterdir() if not path.name.startswith("."))
        folders = {path: path.is_dir() for path in paths}
    except OSError as error:
        raise UserError(f"{root}: the folder cannot be read: {error.strerror}") from None
    return [path for path in paths if not folders[path]], [path for path in paths if folders[path]]


def _name(folder: Path, path: Path) -> str:
    """Return the relative path; bytes that are not UTF-8 are escaped, so such an image counts as missing."""
    name = path.relative_to(folder).as_posix()
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _table(root: Path, labels: dict[str, str], skipped: dict[str, list[str]], config: TableConfig) -> Table:
    names = sorted(labels, key=_in_counting_order)
    columns = {
        config.image_column: strings(names),
        config.label_column: strings(labels[name] for name in names),
    }
    spaced = sorted({label for label in labels.values() if label != label.strip()})
    what = "class folder whose name begins or ends with a space"
    findings = [Finding(what, "the label goes without it", list(map(repr, spaced)))] if spaced else []
    return Table(root, columns, findings=findings, skipped=skipped)


def _in_counting_order(name: str) -> list[tuple[str, int]]:
    """Return a sort key by the numbers in a name: 2.jpg before 10.jpg."""
    return [(letters, int(digits or 0)) for letters, digits in re.findall(r"(\D*)(\d*)", name)]
