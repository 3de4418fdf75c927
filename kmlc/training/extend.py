"""A finished run that goes on: more epochs, without those that it has already."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from kmlc.config import Config
from kmlc.files import replacing
from kmlc.settings import load_config, save_config
from kmlc.training.resolve import resolve_as
from kmlc.training.run_directory import RunDirectory


def continue_from(finished: RunDirectory, path: Path, config: Config) -> None:
    """Make an unfinished run at `path` that goes on from the last state of a finished one.

    `train` with `config.run` naming `path` then trains the further epochs, and comes to the same, bit for
    bit, as if it had trained all of them. The finished run stays as it is. A call that was killed can be
    repeated; a run that was begun already is left alone.

    Args:
        finished: the run to go on from.
        path: the directory of the new run.
        config: its settings: those of the finished run, but for `run` and for a larger `train.epochs`.

    Raises:
        ValueError: if the run is not finished, has no checkpoint left, or differs in more than that.
        UserError: if the disk refuses.

    Example:
        longer = replace(config, run="runs/longer", train=replace(config.train, epochs=3))
        continue_from(RunDirectory(Path("runs/short")), Path("runs/longer"), longer)
        train(longer)
    """
    config = replace(resolve_as(config, load_config(finished.config)), run=str(path))
    _check(finished, config)
    run = RunDirectory(path)
    if run.config.is_file():
        return
    run.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    files = [
        "split",
        "labels",
        "encoder",
        "data_report",
        "environment",
        "history",
        "best_weights",
        "checkpoint",
    ]
    sources = [*(getattr(finished, name) for name in files), *finished.path.glob("*_cleaned.csv")]
    for source in sources:
        _link(source, path / source.relative_to(finished.path))
    # TensorBoard alone writes into its files; a link would share them.
    shutil.copytree(finished.tensorboard, run.tensorboard, dirs_exist_ok=True)
    # Last: a directory with it is a run that was begun.
    save_config(run.config, config)


def _check(finished: RunDirectory, config: Config) -> None:
    begun = load_config(finished.config)
    if not (finished.finished and finished.checkpoint.is_file()):
        raise ValueError(f"{finished.path}: expected a finished run with its checkpoint")
    if config.train.epochs <= begun.train.epochs:
        raise ValueError(f"expected more than {begun.train.epochs} epochs; got {config.train.epochs}")
    if config != replace(begun, run=config.run, train=replace(begun.train, epochs=config.train.epochs)):
        raise ValueError(f"{finished.path}: its settings differ in more than run and train.epochs")


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; a run replaces its files and never writes into them, so both are safe."""
    with replacing(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, temporary)
