"""Train every trial of a grid, or search a space.

    kmlc tune --grid report2                     # system 2's sixteen trials, on the built-in sample
    kmlc tune --grid report2 --dry-run           # the trials, with an estimate of their time
    kmlc tune --grid report2 --data DIR --images.size 64 --workers 2
    kmlc tune --grid mine.yaml --search random --trials 20
    kmlc tune --help

The same command continues a study that was stopped.
"""

from argparse import SUPPRESS
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt, restricted_number_type

from kmlc.commands.process import command, quiet_imports
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.markdown import counted
from kmlc.program import command_line, program
from kmlc.setting_flags import SettingsParser
from kmlc.tuning.grid import OBJECTIVES, Range, Values
from kmlc.tuning.grid_file import grid_names, read_grid
from kmlc.tuning.options import Cache, EngineName, Options
from kmlc.tuning.study import RETRYING, Search, StudyConfig

Fraction = restricted_number_type("Fraction", float, [(">", 0), ("<=", 1)])
Gigabytes = restricted_number_type("Gigabytes", float, [(">", 0), ("<=", 1_000_000)])


@dataclass(frozen=True)
class TuneCommand:
    """What the command was called with.

    Attributes:
        study: the search.
        options: how trials are trained.
        run: the study's directory, None for one in runs/.
        dry_run: list the trials with an estimate of their time, and train none.
    """

    study: StudyConfig
    options: Options
    run: Path | None
    dry_run: bool


def parser() -> SettingsParser:
    """Return the parser of the command's flags."""
    parser = SettingsParser(
        skip=("model", "run", "objective"),
        prog=program("tune"),
        description="Train every trial of a grid and compare the metrics with the published ones. "
        "The same command continues a study that was stopped. Settings apply to every trial.",
    )
    add = parser.add_argument
    # The grid names the model: `_study` rejects this flag.
    add("--model", help=SUPPRESS)
    add("--grid", help=f"{', '.join(grid_names())}, or a YAML file of the same form")
    add("--search", type=Search, default="grid", help="how trials are chosen")
    add(
        "--objective",
        type=Literal[tuple(OBJECTIVES)],
        default=None,
        metavar="METRIC",
        help="metric that picks the best trial; default: the grid's",
    )
    add(
        "--trials",
        type=PositiveInt,
        metavar="K",
        help="maximum number of trials; a grid search trains the first K",
    )
    add(
        "--fraction",
        type=Fraction,
        default=1.0,
        metavar="F",
        help="fraction of the labelled rows, such as 0.1",
    )
    add(
        "--seeds",
        type=PositiveInt,
        default=1,
        metavar="N",
        help="seeds per trial; reports mean and standard deviation",
    )
    add("--run", type=Path, metavar="DIR", help="the study's directory; default: runs/<date>-tune-<grid>")
    add("--dry-run", action="store_true", help="list the trials with an estimate of their time; train none")
    add(
        "--engine",
        type=EngineName,
        help="where trials are trained; default: processes with two or more --workers, otherwise inline",
    )
    add(
        "--workers",
        type=PositiveInt,
        metavar="N",
        help="number of parallel trials; processes divide the cores; default: 1, on Ray as many as fit",
    )
    add(
        "--address",
        default="auto",
        metavar="HOST:PORT",
        help="address of the Ray cluster; auto: the one on this machine",
    )
    add("--cpus", type=PositiveFloat, default=1.0, metavar="N", help="CPUs per trial on Ray")
    add("--gpus", type=NonNegativeFloat, default=0.0, metavar="N", help="GPUs per trial on Ray, such as 0.5")
    add(
        "--keep",
        type=PositiveInt,
        default=1,
        metavar="K",
        help="number of best trials whose weights are kept",
    )
    add("--no-share", dest="share", action="store_false", help="train every trial from its first epoch")
    add("--cache", type=Cache, default="disk", help="where decoded images are cached")
    add("--cache-gb", type=Gigabytes, default=4.0, metavar="GB", help="maximum size of the cache")
    return parser


def parse(arguments: Sequence[str]) -> TuneCommand:
    """Return what `tune.py ARGUMENTS` means.

    Raises:
        UserError: for an unknown flag, grid or key, or a value out of its range.

    Example:
        parse(["--grid", "report2", "--workers", "2", "--images.size", "48"])
    """
    options, given = parser().split(arguments)
    how = Options(**{field.name: options[field.name] for field in fields(Options)})
    _check_engine(how)
    return TuneCommand(_study(options, given), how, options.run, options.dry_run)


def _check_engine(options: Options) -> None:
    if options.engine == "inline" and options.workers not in (None, 1):
        raise UserError(f"--engine inline: expected no more than one worker; got --workers {options.workers}")
    for name in ("address", "cpus", "gpus"):
        value = getattr(options, name)
        if options.engine != "ray" and value != getattr(Options, name):
            raise UserError(f"--{name}: goes with --engine ray; got {value} without it")
    for name, amount in (("cpus", options.cpus), ("gpus", options.gpus)):
        if amount and not 1e-4 <= amount <= 1e6:  # Ray counts in steps of 0.0001
            raise UserError(f"--{name}: expected a number from 0.0001 to 1000000; got {amount}")
    if options.gpus > 1 and options.gpus % 1:
        raise UserError(f"--gpus: expected a fraction of one GPU, or whole ones; got {options.gpus}")


def _study(options: Namespace, given: Mapping[str, Any]) -> StudyConfig:
    if options.grid is None:
        raise UserError(f"--grid: expected one of {', '.join(grid_names())}, or a YAML file")
    grid = read_grid(options.grid)
    if options.model is not None:
        raise UserError(f"--model: the grid names the model; expected no --model with --grid {grid.name}")
    if options.objective is not None:
        metrics = list(dict.fromkeys([*grid.metrics, options.objective])) if grid.metrics else []
        grid = replace(grid, objective=options.objective, metrics=metrics)
    for key in given:
        if key in grid.vary:
            raise UserError(f"--{key}: varies in the grid {grid.name}; expected a setting that does not")
    settings = dict(sorted(given.items()))
    study = StudyConfig(grid, options.search, settings, options.trials, options.fraction, options.seeds)
    # Errors in them are found now, not when the first trial is trained.
    seeds = grid.vary.get("seed", [study.first_config().seed])
    highest = seeds.max if isinstance(seeds, Range) else max(seeds)
    if highest + study.seeds - 1 >= 2**32:
        raise UserError(
            f"--seeds {study.seeds}: expected seeds up to 4294967295; got {highest} and those after it"
        )
    return study


@command
def main(argv: Sequence[str]) -> None:
    """Parse, train every trial, report, and say what to type next."""
    called = parse(argv)

    with quiet_imports():
        import pandas as pd

        from kmlc.reports.grid_notes import notes, unread_captions
        from kmlc.reports.grid_plan import print_plan
        from kmlc.reports.grid_report import write_grid_report
        from kmlc.reports.hparams import write_hparams
        from kmlc.tuning.engines.ray import connect
        from kmlc.tuning.start import start_or_continue, unfinished_study
        from kmlc.tuning.tune import tune

    config = called.study
    if called.dry_run:
        print_plan(config, called.options, unfinished_study(config, called.run))
        return
    if called.options.engine == "ray":
        connect(called.options.address)  # first: without a cluster no directory is made
    study = start_or_continue(config, called.run)

    def report_trial(number: int, values: Values, metrics: Mapping[str, float]) -> None:
        write_hparams(study.path, f"{number:02d}", values, metrics)

    def report_study(table: pd.DataFrame, total: int | None) -> None:
        lines = notes(study.path, table, read_json(study.seconds), argv)
        write_grid_report(study.path, config.grid, table, lines, total)

    table = tune(study, config, called.options, report_trial, report_study)
    print("".join(f"\n{line}" for line in unread_captions(study.path, table)))
    print(f"Table:    {study.report}")
    print(f"Train:    {command_line('train', '--config', study.best)}")
    failed, trials = table.loc[table["error"] != "", "trial"].nunique(), table["trial"].nunique()
    if failed:
        again = "; the same command tries them again" if config.search in RETRYING else ""
        raise UserError(
            f"{study.path}: {failed} of {counted(trials, 'trial')} failed; best.yaml is of the others{again}"
        )
