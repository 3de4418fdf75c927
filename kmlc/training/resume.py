"""Which run a command means: a new one, or one that was begun and goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.models.image import TOWERS
from kmlc.settings import load_config, setting, setting_types
from kmlc.training.run_directory import RunDirectory, existing_run, newest_run


def resolve(config: Config) -> Config:
    """Return the settings with `images.size: auto` as a number.

    It is 224, and on the built-in sample 64 or what the image tower takes at least.
    """
    if config.images.size != "auto":
        return config
    size = 224
    if config.data is None:
        size = max(64, TOWERS[config.tower.name].smallest if config.tower.input == "image" else 0)
    return replace(config, images=replace(config.images, size=size))


def unfinished_run(config: Config, resume: Path | Literal["newest"] | None) -> RunDirectory | None:
    """Return the begun run that the command goes on with, or None if it begins a new one.

    Args:
        config: the resolved settings of the command.
        resume: what `--resume` names, or None without it; then `config.run` may name a begun run.

    Raises:
        UserError: if the run is finished, is none, or was begun with other settings.
    """
    if resume == "newest":
        return newest_run(finished=False)
    if resume is not None:
        run = existing_run(resume)
    elif config.run is None or not Path(config.run).exists() or not any(Path(config.run).iterdir()):
        return None
    else:
        run = existing_run(Path(config.run))
    if run.finished:
        raise UserError(f"{run.path}: this run is finished; there is nothing to go on with")
    if resume is None:
        _check_same(run, config)
    return run


def _check_same(run: RunDirectory, config: Config) -> None:
    begun = load_config(run.config)
    for key in setting_types():
        was, now = setting(begun, key), setting(config, key)
        if was != now and key != "run":
            raise UserError(
                f"{run.path}: this run was begun with {key} {was}, the command says {now}; "
                "name another directory, or go on with --resume alone"
            )
