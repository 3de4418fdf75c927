"""The command line: what the words after a program's name mean, and errors as one line."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

from kmlc.config import Config
from kmlc.errors import UserError
from kmlc.settings import CONFIGS, layered, model_names, nearest, read_settings, setting_types

# Flags of train.py that are not settings of the run.
_NOT_SETTINGS = ("config", "print_config", "help", "resume", "models")
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
