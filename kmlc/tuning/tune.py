"""The search itself: every trial of a study trained, in this process or by workers."""

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kmlc.data.caches.memory import memory_cache, remove_abandoned
from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.lock import locked
from kmlc.settings import save_config
from kmlc.tasks.registry import metrics_of
from kmlc.tasks.shared_rows import SharedRows, forget_rows
from kmlc.tuning.driver import Driver, TrialReport
from kmlc.tuning.engines import open_engine
from kmlc.tuning.keep import drop_weights
from kmlc.tuning.options import Options
from kmlc.tuning.oracles import build_oracle
from kmlc.tuning.progress import StudyProgress
from kmlc.tuning.records import best_config, ended_trials, write_results
from kmlc.tuning.run_and_retry import search
from kmlc.tuning.study import Study, StudyConfig

StudyReport = Callable[[pd.DataFrame, int | None], object]
"""Writes the report of a study, given its results and its number of trials; None where that is unknown."""


def tune(
    study: Study,
    config: StudyConfig,
    options: Options,
    report_trial: TrialReport = lambda number, values, metrics: None,
    report_study: StudyReport = lambda table, total: None,
) -> pd.DataFrame:
    """Train every trial of a search, or those that an earlier command left or that failed in it.

    Args:
        study: the study's directory.
        config: the search, the same as when the study was started.
        options: how it is trained.
        report_trial: called with each finished trial.
        report_study: called at the end, and when the search is stopped.

    Returns:
        What is in results.csv.

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
    with locked(study.path), _cache(study, options) as cache:
        study.remove_unfinished()
        start, total = time.monotonic(), config.trial_count
        earlier = read_json(study.seconds, float) if study.seconds.exists() else 0.0
        study.best.unlink(missing_ok=True)  # of trials that are trained again
        try:
            _search(study, config, options, cache, report_trial)
            best = best_config(study, config)
            drop_weights(study, config, options.keep, share=False)
            shutil.rmtree(study.cache, ignore_errors=True)
            # A search that draws may come to an end before it has made all its trials.
            total = total if config.search == "grid" else None
        finally:
            write_json(study.seconds, earlier + time.monotonic() - start)
            table = write_results(study, config)
            report_study(table, total)
        # Last: it marks the study as finished.
        save_config(study.best, best)
    return table


def _search(
    study: Study, config: StudyConfig, options: Options, cache: Path | None, report: TrialReport
) -> None:
    """Train the trials that are left."""
    first = config.first_config()
    oracle = build_oracle(config, first.train.epochs, first.seed)
    oracle.open(study)
    oracle.run_lost(ended_trials(study, config))
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


def _cache(study: Study, options: Options) -> contextlib.AbstractContextManager[Path | None]:
    """Return the folder for decoded pixels, if any; that on the disk stays until the study is finished."""
    remove_abandoned()
    if options.cache == "memory":
        return memory_cache()
    return contextlib.nullcontext(study.cache if options.cache == "disk" else None)
