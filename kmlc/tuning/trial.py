"""The worker's side of a trial: it is trained with each of its seeds, in run directories of its own."""

import logging
import math
import shutil
import statistics
import time
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from kmlc.config import Config
from kmlc.errors import UserError, WriteError, was_interrupt
from kmlc.lock import is_locked
from kmlc.tasks.shared_rows import SharedRows
from kmlc.training.callbacks import EpochBar
from kmlc.training.memory import free_last_model
from kmlc.training.more_epochs import continue_from
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_metrics import run_metrics
from kmlc.training.train import train
from kmlc.tuning.outcome import Outcome
from kmlc.tuning.records import beside
from kmlc.tuning.study import Study

# TensorFlow warns of every new model that it traces; here there is one for each trial.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

PATIENCE = 30.0
"""Seconds that the last worker of a killed driver has to end."""


@dataclass(frozen=True)
class Job:
    """All that a worker needs to train a trial.

    Attributes:
        name: what to call the trial, such as "trial 3 of 16".
        configs: the settings for each of its seeds; `run` names the run directory.
        shorter: for each seed a finished run to continue, or None.
        rows: the labelled rows.
        study: the study's directory.
        identity: the id in its study.yaml, which a worker may find another study in place of.
    """

    name: str
    configs: tuple[Config, ...]
    shorter: tuple[Path | None, ...]
    rows: SharedRows
    study: Path
    identity: str


class _TrialFailed(Exception):
    """A trial that cannot be trained, where others may; the message is one line."""


def train_trial(job: Job) -> Outcome:
    """Train a trial, or continue it; what is finished is not trained again.

    The output goes to trials/<run>.txt. A disk that refuses and data that cannot be read end the search,
    any other error is that of the trial.
    """
    metrics = []
    try:
        if Study(job.study).identity != job.identity:
            raise UserError(f"{job.study}: expected the study with id {job.identity}; got another one")
        for config, shorter in zip(job.configs, job.shorter, strict=True):
            run = RunDirectory(Path(str(config.run)))
            if not run.finished:
                _train(run, config, shorter, job)
            metrics.append(run_metrics(run))
    except _TrialFailed as error:
        return Outcome(error=str(error))
    except OSError as error:
        return Outcome(error=f"{error.filename or 'the disk'}: {error.strerror or error}", ends_search=True)
    except UserError as error:
        return Outcome(error=str(error), ends_search=True)
    numbers = [{name: math.nan if x is None else x for name, x in each.items()} for each in metrics]
    return Outcome({name: statistics.fmean(each[name] for each in numbers) for name in numbers[0]})


def _train(run: RunDirectory, config: Config, shorter: Path | None, job: Job) -> None:
    """Train with one seed; raise `_TrialFailed` for an error of this trial, another one if none can train."""
    _wait_for_last_worker(run.path)
    bar = EpochBar(config, f"{job.name}, ")  # made here, where the output is not redirected yet
    free_last_model()
    data = None
    with beside(run, ".txt").open("a", encoding="utf-8") as output:
        try:
            if not run.started:
                # A stop before the run began can leave files, and train takes only an empty directory.
                shutil.rmtree(run.path, ignore_errors=True)
                if shorter is not None:
                    continue_from(RunDirectory(shorter), run.path, config)
            data = job.rows.read(config)
            with redirect_stdout(output):
                # `drop_weights` deletes the checkpoint, when no longer trial continues it.
                train(config, callbacks=[bar], data=data, keep_checkpoint=True)
        except Exception as error:
            if was_interrupt(error):
                raise KeyboardInterrupt from error
            of_all = data is None or isinstance(error, WriteError)
            if isinstance(error, OSError) or (isinstance(error, UserError) and of_all):
                raise
            traceback.print_exc(file=output)
            raise _TrialFailed(" ".join(str(error).split())[:300] or type(error).__name__) from error


def _wait_for_last_worker(path: Path) -> None:
    """Wait until the worker of a driver that was killed has released the run directory, but not for ever."""
    end = time.monotonic() + PATIENCE
    while is_locked(path) and time.monotonic() < end:
        time.sleep(0.1)
