"""The command line: what the words after a program's name mean, and errors as one line."""

import argparse
import errno
import math
import os
import re
import signal
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered, model_names, nearest, read_settings, setting_types
from kmlc.tuning.grid import OBJECTIVES, Grid, grid_names, read_grid
from kmlc.tuning.options import Cache, Options
from kmlc.tuning.study import Search, StudyConfig

# Flags of train.py that are not settings of the run.
_NOT_SETTINGS = ("config", "print_config", "help", "resume", "models")
# Settings that every trial of a grid has its own of.
_OF_A_CASE = ("run", "model")
# Flags of tune.py that a worker is told; the study says the rest.
_OF_A_WORKER = ("--worker", "--run", "--keep", "--no-share", "--cache", "--cache-gb")
# Short names of settings.
_SHORT = {"--epochs": "--train.epochs"}


def parse_train(arguments: Sequence[str]) -> tuple[Config, Path | Literal["newest"] | None]:
    """Return the settings that `train.py ARGUMENTS` means, and what `--resume` names.

    Args:
        arguments: the words after the program's name.

    Returns:
        The resolved settings, and a run directory to resume, "newest" for a bare `--resume`, or None.

    Raises:
        UserError: for an unknown key, a value out of its range, or a file that is not there.

    Example:
        config, resume = parse_train(["--model", "hybrid", "--train.batch_size", "30"])
    """
    arguments = [_long(word) for word in arguments]
    _check_flags(arguments)
    first = OneLineParser(add_help=False, allow_abbrev=False)
    first.add_argument("--model")
    first.add_argument("--config", type=Path)
    first.add_argument("--resume", nargs="?", const="newest")
    picked, _ = first.parse_known_args(list(arguments))
    flags = _without(arguments, "--config", "--resume")
    if picked.resume is not None and (flags or picked.config):
        raise UserError("--resume: expected no other flags, a resumed run keeps its settings; got more")
    resume = picked.resume if picked.resume in (None, "newest") else Path(picked.resume)
    return layered(_layers(picked.model, picked.config), flags), resume


def parse_predict() -> argparse.Namespace:
    """Return the options that `predict.py` was called with.

    Raises:
        UserError: for an unknown one, or one of a table beside one of a picture.
    """
    parser = OneLineParser(description="Predict with a finished run.")
    parser.add_argument(
        "--run",
        type=Path,
        action="append",
        help="finished run (default: the newest in runs/); repeat for a mean",
    )
    parser.add_argument("--data", help="data folder; default: the one that the run was trained on")
    parser.add_argument("--out", type=Path, help="submission; default: submission.csv in the run directory")
    parser.add_argument("--proba", type=Path, help="also write the probabilities, a column for each label")
    parser.add_argument("--image", type=Path, help="predict this picture instead of a table")
    parser.add_argument("--caption", help="caption of that picture; may stand alone")
    parser.add_argument("--tta", choices=("flip", "crops"), default="one", help="average views of each image")
    parser.add_argument("--without", choices=("images", "captions"), help="predict as if there were none")
    options = parser.parse_args()
    one = options.image is not None or options.caption is not None
    for name in ("data", "out", "proba", "without"):
        if one and getattr(options, name) is not None:
            parser.error(f"--{name}: goes with a table; got --image or --caption as well")
    return options


@dataclass(frozen=True)
class TuneCommand:
    """What `tune.py` was called with.

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
    """What `tune.py --worker` was called with.

    Attributes:
        worker: HOST:PORT of the chief to work for.
        run: the study's directory, which says what to search.
        options: how.
    """

    worker: str
    run: Path
    options: Options


def parse_tune(arguments: Sequence[str]) -> TuneCommand | WorkCommand:
    """Return what `tune.py ARGUMENTS` means.

    Args:
        arguments: the words after the program's name.

    Raises:
        UserError: for an unknown flag, grid or key, or a value out of its range.

    Example:
        parse_tune(["--grid", "report2", "--workers", "2", "--images.size", "48"])
    """
    parser = _tune_parser()
    options, words = parser.parse_known_args([_long(word) for word in arguments])
    how = Options(
        workers=options.workers,
        chief=options.chief,
        keep=options.keep,
        share=options.share,
        cache=options.cache,
        cache_gb=options.cache_gb,
    )
    if options.worker is not None:
        others = [
            word for word in arguments if word.startswith("--") and word.split("=")[0] not in _OF_A_WORKER
        ]
        for word in [*others, *words]:
            parser.error(f"{word}: not beside --worker, the study and its chief say that")
        if options.run is None:
            parser.error("--worker: expected --run STUDY beside it")
        return WorkCommand(options.worker, options.run, how)
    if options.workers == 0 and options.chief is None:
        parser.error("--workers 0: expected --chief beside it, for workers of other machines")
    if options.workers == 0 and options.dry_run:
        parser.error("--dry-run: expected --workers from 1 up, whose time it tells; got 0")
    if options.grid is None:
        parser.error(f"--grid: expected one of {', '.join(grid_names())}, or a YAML file")
    grid = read_grid(options.grid)
    if options.objective is not None:
        metrics = list(dict.fromkeys([*grid.metrics, options.objective])) if grid.metrics else []
        grid = replace(grid, objective=options.objective, metrics=metrics)
    flags = _setting_flags(words, grid)
    if options.data is not None:
        flags.insert(0, f"--data={options.data}")
    if options.search in ("random", "bayesian") and options.trials is None:
        parser.error(f"--search {options.search}: expected --trials, the number of trials; got none")
    study = StudyConfig(grid, options.search, flags, options.trials, options.fraction, options.seeds)
    # What is wrong with them is said now, not when the first trial is trained.
    study.first_config()
    study.trials()
    return TuneCommand(study, how, options.run, options.dry_run)


def _tune_parser() -> "OneLineParser":
    parser = OneLineParser(
        prog="tune.py",
        description="Train every trial of a grid and lay the metrics beside the published ones. "
        "The same command goes on with a study that was stopped. Any setting of train.py may be given as "
        "well, such as --images.size 48, and holds for every trial.",
        allow_abbrev=False,
    )
    whole, part = _number(int, 1, None), _number(float, 0, 1)
    add = parser.add_argument
    add("--grid", help=f"one of {', '.join(grid_names())}, or a YAML file of the same form")
    add("--data", help="data folder; default: the built-in sample")
    add(
        "--search",
        choices=typing.get_args(Search),
        default="grid",
        help="how trials are chosen (default: grid)",
    )
    add("--objective", metavar="FIGURE", choices=OBJECTIVES, help=f"what is best: {', '.join(OBJECTIVES)}")
    add("--trials", type=whole, metavar="K", help="the most trials; of a grid the first ones")
    add("--fraction", type=part, default=1.0, metavar="F", help="part of the labelled rows, such as 0.1")
    add("--seeds", type=whole, default=1, metavar="N", help="train each trial with N seeds; mean and spread")
    add("--run", type=Path, metavar="DIR", help="the study's directory; default: runs/<date>-tune-<grid>")
    add("--dry-run", action="store_true", help="list the trials and how long they will take, train none")
    many = _number(int, 0, None)
    add("--workers", type=many, default=1, metavar="N", help="processes, each with its share of the cores")
    add(
        "--chief",
        type=_address,
        metavar="HOST:PORT",
        help="wait here for workers on machines that share the study's disk",
    )
    add("--worker", type=_address, metavar="HOST:PORT", help="work for the chief there; with --run DIR")
    add("--keep", type=whole, default=1, metavar="K", help="best trials that keep their weights (default 1)")
    add(
        "--no-share",
        dest="share",
        action="store_false",
        help="do not share epochs between trials",
    )
    add("--cache", choices=typing.get_args(Cache), default="disk", help="where decoded pixels are kept")
    add(
        "--cache-gb",
        type=_number(float, 0, 1_000_000),
        default=4.0,
        metavar="GB",
        help="most of them (default: 4)",
    )
    return parser


def _number(kind: type[int] | type[float], low: float, high: float | None) -> Callable[[str], float]:
    """Return the reader of a number from `low` to `high`; a part of something is above 0."""
    above = kind is float
    words = f"a {'whole ' if kind is int else ''}number {'above' if above else 'from'} {low}"
    words += f" to {high}" if high is not None else ("" if above else " up")

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(low - 1)
        if not low <= value < math.inf or (above and value == low) or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"expected {words}; got {text}")
        return value

    return read


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host.strip() or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, such as 10.0.0.1:8500; got {text!r}")
    return text


def _setting_flags(words: Sequence[str], grid: Grid) -> list[str]:
    """Return settings given as flags, each as one word, in the order of their keys.

    They lie over the settings of the grid; of a setting that is given twice the last counts.

    Raises:
        UserError: for one that is no setting, or that varies in the grid, or the model.
    """
    valid = [key for key in setting_types() if key not in _OF_A_CASE]
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and key == "model":
            raise UserError(f"--model: the grid names the model; got it beside --grid {grid.name}")
        if not word.startswith("--") or key not in valid:
            raise UserError(f"{word}: no such setting{nearest(key, valid)}; --help lists what there is")
        if not equals and rest:
            value = rest.pop(0)
        if key in grid.vary:
            raise UserError(f"--{key}: varies in the grid {grid.name}; expected a setting that does not")
        found[key] = value
    return [f"--{key}={value}" for key, value in sorted(found.items())]


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as a `UserError`."""
        raise UserError(f"{message}; --help lists what there is")


def guard(command: Callable[[], None]) -> NoReturn:
    """Run a command and exit: 0 when done, 2 with one line for what the user can mend, 130 after Ctrl-C.

    A `kill` (SIGTERM) ends as Ctrl-C does, so that nothing is half-written.
    """
    # What TensorFlow says of missing GPUs is not the user's concern; its errors are Python exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # A shell script starts with SIGINT ignored what it does not wait for; neither kind of end would come.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    name = Path(sys.argv[0]).name
    try:
        command()
    except UserError as error:
        sys.exit(_fail(name, str(error)))
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        sys.exit(_fail(name, f"{error.filename or 'the disk'}: {error.strerror}"))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep off the screen what TensorFlow's libraries write while they are imported; errors are exceptions.

    They write to the file descriptor, before any log level counts, so that is where they are stopped.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# What the disk says when it refuses: full, over quota, read-only, not permitted, not there, not a folder.
_REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOENT, errno.ENOTDIR, errno.EEXIST),
}


def _fail(name: str, message: str) -> int:
    print(f"{name}: error: {message}", file=sys.stderr)
    return 2


def _layers(model: str | None, config: Path | None) -> list[Path]:
    """Return the YAML files that settings come from, weakest first."""
    files = []
    if config is not None:
        files.append(config)
        model = model or read_settings(config).get("model")
    model = model or Config.model
    names = model_names()
    if model not in names:
        raise UserError(f"--model: expected one of {', '.join(names)}; got {model!r}{nearest(model, names)}")
    return [CONFIGS / f"{model}.yaml", *files]


def _long(word: str) -> str:
    flag, equals, value = word.partition("=")
    return _SHORT.get(flag, flag) + equals + value


def _without(arguments: Sequence[str], *flags: str) -> list[str]:
    """Return the arguments less the flags that were read already, with their values."""
    kept: list[str] = []
    skip = False
    for word in arguments:
        if word.split("=")[0] in flags:
            skip = "=" not in word
        elif skip and not word.startswith("--"):
            skip = False
        else:
            skip = False
            kept.append(word)
    return kept


def _check_flags(arguments: Sequence[str]) -> None:
    valid = setting_types()
    known = [*valid, *_NOT_SETTINGS]
    for word in arguments:
        key = word.removeprefix("--").split("=")[0]
        if word.startswith("--") and key not in known:
            raise UserError(f"--{key}: no such setting{nearest(key, known)}; --help lists them all")
