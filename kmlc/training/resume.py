"""Which run a command trains: a new one, or an unfinished one."""

from pathlib import Path
from typing import Literal

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.program import command_line
from kmlc.setting_flags import setting_types
from kmlc.settings import load_config, setting
from kmlc.training.auto_settings import resolve_as
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory, existing_run, newest_run


def unfinished_run(config: Config, resume: Path | Literal["newest"] | None) -> RunDirectory | None:
    """Return the unfinished run that the command continues, or None if it starts a new one.

    Args:
        config: the settings of the command.
        resume: what `--resume` names, or None without it; then `config.run` may name an unfinished run.

    Raises:
        UserError: if the run is finished, is no run, or has other settings than the command.
    """
    if resume == "newest":
        return newest_run(finished=False)
    if resume is not None:
        run = existing_run(resume)
    elif config.run is None or RunDirectory(Path(config.run)).is_new:
        return None
    else:
        run = existing_run(Path(config.run))
    check_unfinished(run)
    if resume is None:
        check_same_settings(run, resolve_as(config, load_config(verified(run.config))))
    return run


def check_unfinished(run: RunDirectory) -> None:
    """Raise a `UserError` if a run is finished, or failed for good."""
    if run.failure.is_file():
        raise UserError(f"{run.path}: this run cannot be continued: {read_json(run.failure, str)}")
    if run.finished:
        left = "" if run.report.is_file() else f"; {command_line('report', run.path)} writes its report"
        raise UserError(f"{run.path}: this run is finished; there is nothing to continue{left}")
    if run.checkpoint.is_file() and not run.best_state.is_file():
        raise UserError(f"{run.path}: {run.best_state.name} is missing in its checkpoint; start a new run")


def check_not_started(run: RunDirectory) -> None:
    """Raise a `UserError` if a directory for a new run holds one."""
    if run.started:
        raise UserError(
            f"{run.path}: another command has started a run there meanwhile; name another directory, or "
            f"continue it with {command_line('train', '--resume', run.path)}"
        )


def check_same_settings(run: RunDirectory, config: Config) -> None:
    """Check that a command continues a run with the settings that it was started with.

    Args:
        run: an unfinished run.
        config: the resolved settings of the command; `run` may differ.

    Raises:
        UserError: if any other setting differs.
    """
    saved = load_config(verified(run.config))
    for key in setting_types():
        was, now = setting(saved, key), setting(config, key)
        if was != now and key != "run":
            raise UserError(
                f"{run.path}: this run was started with {key} {was}, the command says {now}; "
                "name another directory, or continue with --resume alone"
            )
