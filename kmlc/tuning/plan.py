"""`tune.py --dry-run`: the trials of a grid, and how long they will take on this machine."""

import os

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.progress import duration
from kmlc.tuning.estimate import Cost, Key, cost_key, measure_cost, study_seconds
from kmlc.tuning.options import Options
from kmlc.tuning.rows import SharedRows
from kmlc.tuning.study import StudyConfig
from kmlc.tuning.workers import core_shares


def print_plan(config: StudyConfig, options: Options) -> None:
    """Print each trial with its time, and the time of all; nothing is written.

    A few steps of each kind of trial are trained to measure them, with the cores that a worker would have.

    Args:
        config: what is searched.
        options: how.

    Raises:
        UserError: for a search whose trials are not known beforehand, or data that cannot be trained on.

    Example:
        print_plan(StudyConfig(read_grid("report2")), Options(workers=2))
    """
    if config.search != "grid":
        raise UserError(f"--dry-run: expected --search grid, whose trials are known; got {config.search}")
    trials = [(values, seed) for values in config.trials() for seed in config.seeds_of(values)]
    configs = [config.config(values, seed) for values, seed in trials]
    share = core_shares(options.workers)[0]
    if share:
        os.sched_setaffinity(0, share)
    costs = _measure(config, [config.config(values) for values in config.trials()])
    width = len(str(len(trials)))
    for number, (trial, (values, seed)) in enumerate(zip(configs, trials, strict=True), start=1):
        settings = "  ".join(f"{key.rpartition('.')[2]} {value}" for key, value in values.items())
        seconds = study_seconds([trial], costs, shared=False, workers=1)
        print(f"{number:>{width}}/{len(trials)}  {settings}  seed {seed}  {duration(seconds)}")
    # A worker trains a trial with all of its seeds, one after the other.
    one_seed = configs[:: config.seeds]
    total = config.seeds * study_seconds(one_seed, costs, options.share, options.workers)
    shared = ", epochs that trials share trained once" if options.share else ""
    by = f" by {options.workers} workers" if options.workers > 1 else ""
    print(f"{len(trials)} trials: about {duration(total)}{by}{shared}")


def _measure(config: StudyConfig, configs: list[Config]) -> dict[Key, Cost]:
    rows = SharedRows(config.fraction, configs[0].seed, None, 0)
    kinds = {cost_key(each): each for each in configs}
    costs = {}
    for number, (key, kind) in enumerate(kinds.items(), start=1):
        print(f"measuring {number} of {len(kinds)} kinds of trial", flush=True)
        costs[key] = measure_cost(kind, rows.read(kind))
    return costs
