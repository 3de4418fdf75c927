"""The search itself: every trial of a study trained, in this process or by workers."""

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.lock import locked
from kmlc.settings import save_config
from kmlc.tasks.registry import metrics_of
from kmlc.tuning.driver import Driver, TrialReport
from kmlc.tuning.engines import open_engine
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.options import Cache, Options
from kmlc.tuning.oracles import build_oracle
from kmlc.tuning.progress import StudyProgress
from kmlc.tuning.records import best_run, forget_failed, write_results
from kmlc.tuning.rows import SharedRows, forget_rows
from kmlc.tuning.run_and_retry import search
from kmlc.tuning.study import Study, StudyConfig

_MEMORY = Path("/dev/shm")
"""Linux's file system in memory."""

StudyReport = Callable[[pd.DataFrame, int | None], object]
"""Writes the report of a study, given its results and its number of trials; None where that is unknown."""


def tune(
    study: Study,
    config: StudyConfig,
    options: Options,
    report_trial: TrialReport = lambda number, values, metrics: None,
    report_study: StudyReport = lambda table, total: None,
) -> None:
    """Train every trial of a search, or those that an earlier command left or that failed in it.

    Args:
        study: the study's directory.
        config: the search, the same as when the study was started.
        options: how it is trained.
        report_trial: called with each finished trial.
        report_study: called at the end, and when the search is stopped.

    Raises:
        UserError: for an objective that the task does not have, settings or data that cannot be trained on,
            or if another command works on the study.

    Example:
        config = StudyConfig(read_grid("report2"))
        tune(start_or_continue(config), config, Options(workers=2))
    """
    valid = [*metrics_of(config.first_config()), "val_loss"]
    if config.grid.objective not in valid:
        raise UserError(f"objective: expected one of {', '.join(valid)}; got {config.grid.objective}")
    with locked(study.path):
        start, total = time.monotonic(), config.trial_count
        forget_failed(study, config)
        try:
            _search(study, config, options, report_trial)
            best = best_run(study, config)
            drop_weights(study, config, options.keep, share=False)
            for cache in _cache_folders(study).values():
                shutil.rmtree(cache, ignore_errors=True)
            # A search that draws may come to an end before it has made all its trials.
            total = total if config.search == "grid" else None
        finally:
            earlier = read_json(study.seconds) if study.seconds.is_file() else 0.0
            write_json(study.seconds, earlier + time.monotonic() - start)
            report_study(write_results(study, config), total)
        # Last: it marks the study as finished.
        save_config(study.best, replace(config.config(best.values), seed=best.seed))


def _search(study: Study, config: StudyConfig, options: Options, report: TrialReport) -> None:
    """Train the trials that are left."""
    if options.cache == "memory" and not _MEMORY.is_dir():
        raise UserError(f"--cache memory: expected a file system in {_MEMORY}; this machine has none")
    first = config.first_config()
    oracle = build_oracle(config, first.train.epochs, first.seed)
    oracle.open(study.oracle)
    cache = _cache_folders(study).get(options.cache)
    rows = SharedRows(config.fraction, first.seed, cache, int(options.cache_gb * 1e9))
    progress = StudyProgress(study, config, options.share)
    driver = Driver(study, config, options, rows, progress, report)
    with contextlib.closing(open_engine(options, study.path)) as engine:
        try:
            search(oracle, engine, driver.begin, driver.end)
        except (KeyboardInterrupt, UserError, OSError):
            print(f"Stopped; finished trials are in {study.results}. The same command continues the study.")
            raise
        finally:
            forget_rows()


def _cache_folders(study: Study) -> dict[Cache, Path]:
    """Return the folders for decoded pixels, the same for every process of the study."""
    name = hashlib.sha256(str(study.path.resolve()).encode()).hexdigest()[:16]
    return {"disk": study.path / "cache", "memory": _MEMORY / f"kmlc-{name}"}
