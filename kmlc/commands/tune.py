"""Train every trial of a grid, or search a space.

    kmlc tune --grid report2                     # system 2's sixteen trials, on the built-in sample
    kmlc tune --grid report2 --dry-run           # the trials, and how long they will take
    kmlc tune --grid report2 --data DIR --images.size 64 --workers 2
    kmlc tune --grid mine.yaml --search random --trials 20
    kmlc tune --help

The same command continues a study that was stopped.
"""

import re
from argparse import SUPPRESS
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeInt, PositiveInt, restricted_number_type

from kmlc.commands.process import command, quiet_imports
from kmlc.errors import UserError
from kmlc.program import command_line, program
from kmlc.settings import SettingsParser, setting_flags
from kmlc.tuning.grid import OBJECTIVES, Grid, grid_names, read_grid
from kmlc.tuning.options import Cache, Options
from kmlc.tuning.study import Search, StudyConfig

Fraction = restricted_number_type("Fraction", float, [(">", 0), ("<=", 1)])
Gigabytes = restricted_number_type("Gigabytes", float, [(">", 0), ("<=", 1_000_000)])

# Flags of a worker; the study says the rest.
_OF_A_WORKER = ("--worker", "--run", "--keep", "--no-share", "--cache", "--cache-gb")


@dataclass(frozen=True)
class TuneCommand:
    """What the command was called with.

    Attributes:
        study: what to search.
        options: how.
        run: the study's directory, None for one in runs/.
        dry_run: list the trials and how long they will take, and train none.
    """

    study: StudyConfig
    options: Options
    run: Path | None
    dry_run: bool


@dataclass(frozen=True)
class WorkCommand:
    """What the command was called with as a worker.

    Attributes:
        worker: HOST:PORT of the chief to work for.
        run: the study's directory, which says what to search.
        options: how.
    """

    worker: str
    run: Path
    options: Options


def parser() -> SettingsParser:
    """Return the parser of the command's flags."""
    parser = SettingsParser(
        skip=("model", "run", "objective"),
        prog=program("tune"),
        description="Train every trial of a grid and lay the metrics beside the published ones. "
        "The same command continues a study that was stopped. Settings hold for every trial.",
    )
    add = parser.add_argument
    # The grid names the model; who gives one is told so.
    add("--model", help=SUPPRESS)
    add("--grid", help=f"one of {', '.join(grid_names())}, or a YAML file of the same form")
    add("--search", type=Search, default="grid", help="how trials are chosen")
    add(
        "--objective",
        type=Literal[tuple(OBJECTIVES)],
        default=None,
        metavar="METRIC",
        help=f"the metric that picks the best trial: {', '.join(OBJECTIVES)}",
    )
    add("--trials", type=PositiveInt, metavar="K", help="most trials; of a grid the first ones")
    add(
        "--fraction",
        type=Fraction,
        default=1.0,
        metavar="F",
        help="fraction of the labelled rows, such as 0.1",
    )
    add("--seeds", type=PositiveInt, default=1, metavar="N", help="seeds of each trial; mean and spread")
    add("--run", type=Path, metavar="DIR", help="the study's directory; default: runs/<date>-tune-<grid>")
    add("--dry-run", action="store_true", help="list the trials and how long they will take, train none")
    add(
        "--workers",
        type=NonNegativeInt,
        default=1,
        metavar="N",
        help="processes, each with its share of the cores",
    )
    add("--chief", metavar="HOST:PORT", help="wait here for workers on machines that share the study's disk")
    add("--worker", metavar="HOST:PORT", help="work for the chief there; with --run DIR")
    add("--keep", type=PositiveInt, default=1, metavar="K", help="best trials that keep their weights")
    add("--no-share", dest="share", action="store_false", help="do not share epochs between trials")
    add("--cache", type=Cache, default="disk", help="where decoded pixels are kept")
    add("--cache-gb", type=Gigabytes, default=4.0, metavar="GB", help="most gigabytes of decoded pixels")
    return parser


def parse(arguments: Sequence[str]) -> TuneCommand | WorkCommand:
    """Return what `tune.py ARGUMENTS` means.

    Raises:
        UserError: for an unknown flag, grid or key, or a value out of its range.

    Example:
        parse(["--grid", "report2", "--workers", "2", "--images.size", "48"])
    """
    options, given = parser().split(arguments)
    for flag in ("chief", "worker"):
        _check_address(f"--{flag}", options[flag])
    how = Options(
        workers=options.workers,
        chief=options.chief,
        keep=options.keep,
        share=options.share,
        cache=options.cache,
        cache_gb=options.cache_gb,
    )
    if options.worker is not None:
        flags = [argument for argument in arguments if argument.startswith("--")]
        for flag in flags:
            if flag.split("=")[0] not in _OF_A_WORKER:
                raise UserError(f"{flag}: not beside --worker, the study and its chief say that")
        if options.run is None:
            raise UserError("--worker: expected --run STUDY beside it")
        return WorkCommand(options.worker, options.run, how)
    if options.workers == 0 and options.chief is None:
        raise UserError("--workers 0: expected --chief beside it, for workers of other machines")
    if options.workers == 0 and options.dry_run:
        raise UserError("--dry-run: expected --workers from 1 up, whose time it tells; got 0")
    return TuneCommand(_study(options, given), how, options.run, options.dry_run)


def _study(options: Namespace, given: Namespace) -> StudyConfig:
    if options.grid is None:
        raise UserError(f"--grid: expected one of {', '.join(grid_names())}, or a YAML file")
    grid = read_grid(options.grid)
    if options.model is not None:
        raise UserError(f"--model: the grid names the model; got it beside --grid {grid.name}")
    if options.objective is not None:
        metrics = list(dict.fromkeys([*grid.metrics, options.objective])) if grid.metrics else []
        grid = replace(grid, objective=options.objective, metrics=metrics)
    if options.search in ("random", "bayesian") and options.trials is None:
        raise UserError(f"--search {options.search}: expected --trials, the number of trials; got none")
    flags = _fixed_flags(given, grid)
    study = StudyConfig(grid, options.search, flags, options.trials, options.fraction, options.seeds)
    # What is wrong with them is said now, not when the first trial is trained.
    study.first_config()
    study.trials()
    return study


def _fixed_flags(given: Namespace, grid: Grid) -> list[str]:
    """Return the settings of every trial as flags, in the order of their keys."""
    settings = dict(sorted(given.items()))
    for key in settings:
        if key in grid.vary:
            raise UserError(f"--{key}: varies in the grid {grid.name}; expected a setting that does not")
    return setting_flags(settings)


def _check_address(flag: str, address: str | None) -> None:
    if address is None:
        return
    host, _, port = address.rpartition(":")
    if not host.strip() or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise UserError(f"{flag}: expected HOST:PORT, such as 10.0.0.1:8500; got {address!r}")


@command
def main(argv: Sequence[str]) -> None:
    """Parse, train every trial, report, and say what to type next."""
    called = parse(argv)

    with quiet_imports():
        import pandas as pd

        from kmlc.reports.grid_report import write_grid_report
        from kmlc.tuning.notes import notes
        from kmlc.tuning.plan import print_plan
        from kmlc.tuning.run import tune, work_for
        from kmlc.tuning.study import begin_or_continue

    if isinstance(called, WorkCommand):
        work_for(called.worker, called.run, called.options)
        return
    config = called.study
    if called.dry_run:
        print_plan(config, called.options)
        return
    study = begin_or_continue(config, called.run)

    def report(table: pd.DataFrame, total: int | None) -> None:
        write_grid_report(study.path, config.grid, table, notes(study, argv), total)

    tune(study, config, called.options, report)
    print(f"\nTable:    {study.report}")
    print(f"Train:    {command_line('train', '--config', study.best)}")
