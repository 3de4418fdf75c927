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
    """Return what to type for a command, in the way in which the running one was started.

    Example:
        command_line("predict", "--run", "runs/mine")  # "python predict.py --run runs/mine"
    """
    script = Path(sys.argv[0]).name
    if script in [f"{name}.py" for name in _SCRIPTS] and command in _SCRIPTS:
        typed = f"python {command}.py"
    elif script.endswith(".py"):
        typed = f"python -m kmlc {command}"
    else:
        typed = f"kmlc {command}"
    return " ".join([typed, *(shlex.quote(str(each)) for each in arguments)])
