"""A finished run continued to more epochs, without training its epochs again."""

import shutil
from dataclasses import replace
from pathlib import Path

from kmlc.config import Config
from kmlc.files import link
from kmlc.settings import load_config, save_config
from kmlc.training.auto_settings import resolve_as
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory


def continue_from(finished: RunDirectory, path: Path, config: Config) -> None:
    """Make an unfinished run at `path` that continues from the last state of a finished one.

    `train` with `config.run` naming `path` then trains the remaining epochs; the result is the same, bit for
    bit, as of a run that trains them all. The finished run stays as it is. A call that was killed can be
    repeated; a run that exists at `path` is kept.

    Args:
        finished: the run to continue.
        path: the directory of the new run.
        config: its settings: those of the finished run, except `run` and a larger `train.epochs`.

    Raises:
        ValueError: if the run is not finished, has no checkpoint left, or differs in more than that; or if
            its learning rates depend on how many epochs it has (`schedule: cosine`).
        UserError: if a file cannot be written.

    Example:
        longer = replace(config, run="runs/longer", train=replace(config.train, epochs=3))
        continue_from(RunDirectory(Path("runs/short")), Path("runs/longer"), longer)
        train(longer)
    """
    config = replace(resolve_as(config, load_config(verified(finished.config))), run=str(path))
    _check(finished, config)
    run = RunDirectory(path)
    if run.started:
        return
    run.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    files = [
        "split",
        "labels",
        "encoder",
        "rows",
        "data_report",
        "environment",
        "history",
    ]
    sources = [verified(getattr(finished, name)) for name in files]
    optional = [finished.frozen_weights, *finished.cleaned.values()]
    sources += [finished.checkpoint, finished.best_state, *(path for path in optional if path.is_file())]
    for source in sources:
        link(source, path / source.relative_to(finished.path))
    # TensorBoard alone writes into its files; a link would share them.
    shutil.copytree(finished.tensorboard, run.tensorboard, dirs_exist_ok=True)
    save_config(run.config, config)
    # Last: a directory with it is a run.
    run.start(finished.manifest.started)


def _check(finished: RunDirectory, config: Config) -> None:
    earlier = load_config(verified(finished.config))
    if not (finished.finished and finished.best_state.is_file()):
        raise ValueError(f"{finished.path}: expected a finished run with its checkpoint")
    if earlier.train.schedule == "cosine":
        raise ValueError(f"{finished.path}: a run with train.schedule cosine cannot be made longer")
    if config.train.epochs <= earlier.train.epochs:
        raise ValueError(f"expected more than {earlier.train.epochs} epochs; got {config.train.epochs}")
    if config != replace(earlier, run=config.run, train=replace(earlier.train, epochs=config.train.epochs)):
        raise ValueError(f"{finished.path}: its settings differ in more than run and train.epochs")
