"""Where results may be written: over no input, no image, no other data, and no file of a run or a study."""

import csv
import os
import zipfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from PIL import Image

from kmlc.config import Config
from kmlc.data.image_facts import quiet_pillow
from kmlc.data.readers.table import IMAGE_SUFFIXES
from kmlc.errors import UserError
from kmlc.files import check_writable
from kmlc.training.run_directory import RunDirectory

EVALUATION_FILES = ("evaluation.json", "evaluation.csv", "evaluation.md")
"""What an evaluation writes into its folder."""
EVALUATION_COLUMNS = ("what", "slice", "class", "metric", "value", "low", "high", "rows")
"""Those of evaluation.csv."""


def check_output(
    path: Path, configs: Iterable[Config], inputs: Iterable[Path] = (), runs: Iterable[Path] = ()
) -> None:
    """Check before the work that a result can be written, and that it replaces nothing that is needed.

    No image is ever replaced, and in a folder of data nothing but an earlier result: any other file there may
    be one of the data.

    Args:
        path: where to write it.
        configs: settings whose data, weights and presets it must not replace.
        inputs: further files that are read.
        runs: the run directories that it may be written into; there, too, no file of training is replaced.

    Raises:
        UserError: if the file cannot be written, is one that is read, an image, one in a folder of data, or
            would be in a study or another run.

    Example:
        check_output(Path("submission.csv"), [Config(data="my_folder")])
    """
    configs = list(configs)
    check_writable(path, [*inputs, *(each for config in configs for each in _input_files(config))])
    if path.is_file() and _is_image(path):
        raise UserError(f"{path}: expected a file to write; got an image")
    own = {os.path.realpath(run) for run in runs}
    target = Path(os.path.realpath(path))
    for folder in target.parents:
        run = RunDirectory(folder)
        if run.started or run.split.is_file():
            if run.owns(path):
                raise UserError(f"{path}: expected a file to write; got one of the run {folder}")
            if str(folder) not in own:
                raise UserError(f"{path}: expected a file outside of the run {folder}, which is not used")
            return
        if (folder / "study.yaml").is_file():
            raise UserError(f"{path}: expected a file outside of the study {folder}, or in one of its runs")
    if not path.is_file() or not path.stat().st_size:  # a shell makes the file of `> FILE` first
        return
    places = (target, Path(os.path.realpath(path.parent)) / path.name)  # a link may lead out of the folder
    for config in configs:
        for folder in _data_folders(config):
            inside = any(place.is_relative_to(os.path.realpath(folder)) for place in places)
            if inside and not _is_result(path, config):
                raise UserError(
                    f"{path}: expected a new file, or an earlier result, as any other file in the "
                    f"data folder {folder} may be needed; delete it, or write to another name"
                )


def check_output_folder(
    folder: Path, names: Iterable[str], configs: Iterable[Config], runs: Iterable[Path] = ()
) -> None:
    """Check before the work that results can be written into a folder, which may be new.

    Args:
        folder: the folder; the one that it is in exists.
        names: the files to write.
        configs: as those of `check_output`.
        runs: likewise.

    Raises:
        UserError: as `check_output`, of the folder or of a file in it.

    Example:
        check_output_folder(Path("evaluation"), ["evaluation.json"], [Config(data="my_folder")])
    """
    configs, runs = list(configs), list(runs)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder; got a file")
    for path in [folder / name for name in names] if folder.is_dir() else [folder]:
        check_output(path, configs, runs=runs)


def _is_result(path: Path, config: Config) -> bool:
    """Return whether a file has feature vectors, an evaluation, or predictions: a table without captions."""
    table = path.with_name("evaluation.csv")
    if path.name in EVALUATION_FILES and _header(table) == list(EVALUATION_COLUMNS):
        return True
    if path.suffix == ".npz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return {"X.npy", "ids.npy"} <= {*archive.namelist()}
    columns = _header(path)
    return columns[:1] == [config.table.image_column] and config.table.caption_column not in columns


def _header(path: Path) -> list[str]:
    """Return the names of the columns of a table, none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        return next(csv.reader(islice(stream, 1)), [])


def _is_image(path: Path) -> bool:
    """Return whether a file has the name of an image, or the header of one in any format of Pillow's."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    try:
        with quiet_pillow(), Image.open(path):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # not one, or its header is broken, on which Pillow's readers raise anything
        return False


def _data_folders(config: Config) -> list[Path]:
    """Return the data folder and the folder of its images, which need not be inside."""
    data = Path(config.data) if config.data is not None else None
    return [data, data / config.table.images] if data is not None and data.is_dir() else []


def _input_files(config: Config) -> list[Path]:
    """Return the files that are read, but images; not all need exist."""
    files = [Path(config.tower.weights)] if config.tower.weights.endswith(".h5") else []
    for preset in (config.captions.preset, config.tower.preset):
        if preset is not None and Path(preset).is_dir():
            files += Path(preset).iterdir()
    if config.data is None:
        return files
    data, table, labels = Path(config.data), config.table, config.labels
    names = (table.train, table.test, table.test_labels, labels.names, labels.superclass_names)
    return [*files, data, *(data / name for name in names)]
