"""What a finished run came to: its minutes, losses and metrics."""

import math

import pandas as pd

from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory


def run_metrics(run: RunDirectory) -> dict[str, float | None]:
    """Return minutes, losses and metrics of a finished run; one that is not a number is None.

    The losses are those of the best epoch. The minutes are those of all epochs, also of those that a shorter
    trial trained.

    Raises:
        UserError: if its files are damaged.
    """
    try:
        metrics, history = read_json(verified(run.metrics)), pd.read_csv(verified(run.history))
        best = history.iloc[metrics["best_epoch"] - 1]
        found = {
            "minutes": history["seconds"].sum() / 60,
            "train_loss": best["loss"],
            "val_loss": best["val_loss"],
            **metrics["validation"],
            **{f"test_{name}": value for name, value in metrics.get("test", {}).items()},
        }
        numbers = {name: math.nan if value is None else float(value) for name, value in found.items()}
    except (UserError, ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{run.path}: damaged ({reason}); delete it, and it is trained again") from None
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
