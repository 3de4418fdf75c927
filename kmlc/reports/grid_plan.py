"""`tune.py --dry-run`: the trials of a grid, and an estimate of their time on this machine."""

import os

from kmlc.errors import UserError
from kmlc.markdown import counted
from kmlc.progress import duration
from kmlc.setting_values import format_values
from kmlc.tasks.shared_rows import SharedRows
from kmlc.training.estimate import Cost, Key, cost_key, measure_cost
from kmlc.tuning.engines.worker import core_shares
from kmlc.tuning.options import Options
from kmlc.tuning.records import ranking, results
from kmlc.tuning.study import Study, StudyConfig


def print_plan(config: StudyConfig, options: Options, study: Study | None = None) -> None:
    """Print each trial with its time, and the time of all; nothing is written.

    A few steps of each kind of trial are trained to measure them, on the cores that a worker would have. The
    time of a study is the sum over its trials, the epochs that they share counted once, divided by the
    workers. Early stopping is ignored. What is finished in `study`, if it was started, is not counted.

    Raises:
        UserError: for a search that draws its trials, or data that cannot be trained on.
    """
    if config.search != "grid":
        raise UserError(f"--dry-run: expected --search grid, whose trials are known; got {config.search}")
    workers = options.workers or 1
    if (cores := core_shares(workers)[0]) and options.engine != "ray":
        os.sched_setaffinity(0, cores)
    trials, costs = config.trials(), _trial_costs(config)
    shared, total = config.epochs_to_train(options.share), 0.0
    alone = config.epochs_to_train(share=False)
    finished = ranking(results(study, config), config).index if study else ()
    count, width = len(trials), len(str(len(trials)))
    for number, (values, cost) in enumerate(zip(trials, costs, strict=True), start=1):
        seeds = f"  {config.seeds} seeds" if config.seeds > 1 else ""
        time = duration(config.seeds * cost.seconds(alone[number]))
        left = "finished" if number in finished else time
        print(f"{number:>{width}}/{count}  {format_values(values)}{seeds}  {left}")
        total += 0 if number in finished else config.seeds * cost.seconds(shared[number])
    by = f" on {workers} workers" if workers > 1 else ""
    once = ", shared epochs trained once" if shared != alone else ""
    left = f"{count - len(finished)} of " if len(finished) else ""
    print(f"{left}{counted(count, 'trial')}: about {duration(total / min(workers, count))}{by}{once}")


def _trial_costs(config: StudyConfig) -> list[Cost]:
    """Measure each kind of trial once, and return the cost of each trial."""
    configs = [config.config(values) for values in config.trials()]
    rows = SharedRows(config.fraction, configs[0].seed, None, 0)
    kinds = {cost_key(each): each for each in configs}
    costs: dict[Key, Cost] = {}
    for number, (key, kind) in enumerate(kinds.items(), start=1):
        print(f"measuring {number} of {len(kinds)} kinds of trial", flush=True)
        costs[key] = measure_cost(kind, rows.read(kind))
    return [costs[cost_key(each)] for each in configs]
