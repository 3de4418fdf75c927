"""How a command is typed: by its script in a checkout, as `python -m kmlc`, or as the installed `kmlc`."""

import shlex
import sys
from pathlib import Path

_SCRIPTS = ("train", "tune", "predict")


def program(command: str = "") -> str:
    """Return the name of the running command as it was typed: "train.py" or "kmlc train"."""
    script = Path(sys.argv[0]).name
    return script if script.endswith(".py") and script != "__main__.py" else f"kmlc {command}".strip()


def command_line(command: str, *arguments: object) -> str:
    """Return what to type for a command in a shell, in the way in which the running one was started.

    Args:
        command: its name, such as "predict".
        *arguments: its arguments; those that are a `Path` are never taken for a flag.

    Example:
        command_line("predict", "--run", Path("runs/mine"))  # "python predict.py --run runs/mine"
    """
    script = Path(sys.argv[0])
    if script.name in [f"{name}.py" for name in _SCRIPTS]:
        if command in _SCRIPTS:
            typed = f"python {quoted(script.with_name(f'{command}.py'))}"
        else:
            # In another folder Python does not find the checkout that the script is in.
            elsewhere = f"PYTHONPATH={quoted(script.parent)} " if script.parent != Path() else ""
            typed = f"{elsewhere}python -m kmlc {command}"
    elif script.suffix == ".py":
        typed = f"python -m kmlc {command}"
    else:
        typed = f"kmlc {command}"
    return f"{typed} {quoted(*arguments)}".rstrip()


def quoted(*arguments: object) -> str:
    """Return arguments as a shell reads them back.

    Example:
        quoted("--run", Path("-my run"))  # "--run './-my run'"
    """
    return shlex.join(
        f"./{each}" if isinstance(each, Path) and str(each).startswith("-") else str(each)
        for each in arguments
    )
