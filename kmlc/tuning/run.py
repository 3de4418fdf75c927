"""The search itself: every trial of a study trained, by this process or by workers."""

import hashlib
import logging
import os
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras_tuner
import pandas as pd

from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.settings import load_config, save_config
from kmlc.tuning.announce import Announcer
from kmlc.tuning.chief import free_port, serve, work
from kmlc.tuning.grid import HIERARCHY_METRICS, OBJECTIVES, Values
from kmlc.tuning.hparams import write_hparams
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.lock import only_command
from kmlc.tuning.options import Options
from kmlc.tuning.oracles import build_oracle
from kmlc.tuning.records import best_run, write_results
from kmlc.tuning.retry import forget_failed
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.search import RunTrial, search
from kmlc.tuning.study import Study, StudyConfig, load_study
from kmlc.tuning.trial import TrialTrainer
from kmlc.tuning.workers import end_with_parent, local_workers, reachable, worker_flags, worker_id

# TensorFlow warns of every new model that it traces; here there is one for each trial.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

PATIENCE = 60.0
"""Seconds without a word of a worker after which its trial is given to another."""


_MEMORY = Path("/dev/shm")
"""Linux's file system in memory."""

Report = Callable[[pd.DataFrame, int | None], object]
"""Writes the report of a study, given its results and how many trials it has; None where nobody knows."""


def tune(
    study: Study, config: StudyConfig, options: Options, report: Report = lambda table, total: None
) -> None:
    """Train every trial of a search, or those that an earlier command did not come to or that failed in it.

    Args:
        study: where.
        config: what is searched, the same that the study was begun with.
        options: how.
        report: called at the end, and when the search is stopped.

    Raises:
        UserError: for an objective that the labels do not have, settings or data that cannot be trained on,
            or if another command works on the study.

    Example:
        config = StudyConfig(read_grid("report2"))
        tune(begin_or_continue(config), config, Options(workers=2))
    """
    _check_objective(config)
    with only_command(study):
        began, total = time.monotonic(), config.trial_count
        forget_failed(study, config)
        try:
            _search(study, config, options)
            best = best_run(study, config)
            drop_weights(study, config, options.keep, share=False)
            for cache in (study.cache, _memory_cache(study)):
                shutil.rmtree(cache, ignore_errors=True)
            # A search that draws may come to an end before it has made all its trials.
            total = total if config.search == "grid" else None
        finally:
            _add_seconds(study, time.monotonic() - began)
            report(write_results(study, config), total)
        # Last: it marks the study as finished.
        save_config(study.best, replace(load_config(best.config), run=None))


def _search(study: Study, config: StudyConfig, options: Options) -> None:
    """Train the trials that are left, and say how far it is."""
    announcer = Announcer(study, config, options.share)
    announcer.begin()
    try:
        if options.workers == 1 and options.chief is None:
            search(_oracle(config), study.path, _trial_runner(study, config, options, announcer.update))
        else:
            _serve(study, config, options, announcer)
    except (KeyboardInterrupt, UserError, OSError):
        announcer.update()
        print(f"Stopped; the finished trials are in {study.results}. The same command goes on with the rest.")
        raise


def work_for(address: str, path: Path, options: Options) -> None:
    """Train trials for a chief until it has no more.

    Args:
        address: HOST:PORT of the chief.
        path: the study's directory, on a disk that this machine shares with the chief's.
        options: how.

    Raises:
        UserError: if there is no such study, or no chief at the address.
    """
    end_with_parent()
    study = Study(path)
    config = load_study(study)
    work(_oracle(config), path, address, worker_id(os.getpid()), _trial_runner(study, config, options))
    # Nobody trains any more: workers are told to stop when no trial is running.
    shutil.rmtree(_memory_cache(study), ignore_errors=True)


def _oracle(config: StudyConfig) -> keras_tuner.Oracle:
    first = config.first_config()
    return build_oracle(
        config.search,
        config.grid.axes(),
        config.grid.objective,
        config.grid.direction,
        config.max_trials,
        first.train.epochs,
        first.seed,
    )


def _trial_runner(
    study: Study, config: StudyConfig, options: Options, ended: Callable[[], None] = lambda: None
) -> RunTrial:
    """Return the function that trains a trial and keeps the study's files up to date."""
    seed = config.first_config().seed
    rows = SharedRows(config.fraction, seed, _cache_folder(study, options), int(options.cache_gb * 1e9))
    train_trial = TrialTrainer(study, config, rows, options.share)

    def run_trial(number: int, values: Values) -> dict[str, float]:
        try:
            metrics = train_trial(number, values)
        finally:
            ended()
        write_hparams(study.path, f"{number:02d}", values, metrics)
        drop_weights(study, config, options.keep, options.share)
        return metrics

    return run_trial


def _serve(study: Study, config: StudyConfig, options: Options, announcer: Announcer) -> None:
    """Hand out trials to workers: those of this machine, and those that come to the chief's address."""
    address = options.chief or f"127.0.0.1:{free_port()}"
    if options.chief:
        print(
            "Workers are started on machines that share this disk with\n"
            f"  python tune.py {shlex.join(worker_flags(study, options, reachable(address)))}",
            flush=True,
        )
    with local_workers(study, options, address) as local:

        def lost() -> list[str]:
            announcer.watch()
            if options.chief is None:
                local.check()
            return local.ended()

        serve(_oracle(config), study.path, address, lost, PATIENCE)
    announcer.update()


def _check_objective(config: StudyConfig) -> None:
    objective, table = config.grid.objective, config.first_config().table
    hierarchical = table.superclass_column is not None
    valid = [each for each in OBJECTIVES if each == "val_loss" or (each in HIERARCHY_METRICS) == hierarchical]
    if objective not in valid:
        labels = f"{'with' if hierarchical else 'without'} table.superclass_column"
        raise UserError(f"objective: expected one of {', '.join(valid)} {labels}; got {objective}")


def _add_seconds(study: Study, seconds: float) -> None:
    earlier = read_json(study.seconds) if study.seconds.is_file() else 0.0
    write_json(study.seconds, earlier + seconds)


def _cache_folder(study: Study, options: Options) -> Path | None:
    """Return the folder for decoded pixels, the same for every process of the study.

    Raises:
        UserError: if this machine has no file system in memory.
    """
    if options.cache == "off":
        return None
    if options.cache == "disk":
        return study.cache
    if not _MEMORY.is_dir():
        raise UserError(f"--cache memory: expected a file system in {_MEMORY}; this machine has none")
    return _memory_cache(study)


def _memory_cache(study: Study) -> Path:
    name = hashlib.sha256(str(study.path.resolve()).encode()).hexdigest()[:16]
    return _MEMORY / f"kmlc-{name}"
