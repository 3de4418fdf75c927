"""Where results may be written: over no file that is read, none of a run or a study, and no image."""

import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from kmlc.config import Config
from kmlc.data.image_facts import quiet_pillow
from kmlc.errors import UserError
from kmlc.files import check_writable
from kmlc.training.run_directory import RunDirectory


def check_output(path: Path, configs: Iterable[Config], inputs: Iterable[Path] = ()) -> None:
    """Check before the work that a result can be written, and that it replaces nothing that is needed.

    No image is ever replaced: any may be one of the data, or the target of a link in it.

    Args:
        path: where to write it.
        configs: settings whose data, weights and presets it must not replace.
        inputs: further files that are read.

    Raises:
        UserError: if the file cannot be written, is one that is read, an image, or one of a run or a study.

    Example:
        check_output(Path("submission.csv"), [Config(data="my_folder")])
    """
    check_writable(path, [*inputs, *(each for config in configs for each in _input_files(config))])
    if path.is_file() and _is_image(path):
        raise UserError(f"{path}: expected a file to write; got an image")
    for folder in Path(os.path.realpath(path)).parents:
        run = RunDirectory(folder)
        if run.started or run.split.is_file():
            if run.owns(path):
                raise UserError(f"{path}: expected a file to write; got one of the run {folder}")
            return
        if (folder / "study.yaml").is_file():
            raise UserError(f"{path}: expected a file outside of the study {folder}, or in one of its runs")


def _is_image(path: Path) -> bool:
    """Return whether a file has the header of an image, in any format that Pillow knows."""
    try:
        with quiet_pillow(), Image.open(path):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # not one, or its header is broken, on which Pillow's readers raise anything
        return False


def _input_files(config: Config) -> list[Path]:
    """Return the files that are read, but images; not all need exist."""
    files = [Path(config.tower.weights)] if config.tower.weights.endswith(".h5") else []
    if config.captions.preset is not None and Path(config.captions.preset).is_dir():
        files += Path(config.captions.preset).iterdir()
    if config.data is None:
        return files
    data, table, labels = Path(config.data), config.table, config.labels
    names = (table.train, table.test, table.test_labels, labels.names, labels.superclass_names)
    return [*files, data, *(data / name for name in names)]
