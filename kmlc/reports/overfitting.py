"""How far runs overfit: label accuracy on training and on validation rows (system 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kmlc.errors import UserError
from kmlc.files import read_json, write_text
from kmlc.markdown import code, escape, markdown_table
from kmlc.plotting import save_plot
from kmlc.reports import plots
from kmlc.settings import load_config
from kmlc.training.manifest import verified
from kmlc.training.run_directory import check_finished, existing_run
from kmlc.training.run_files import of_training

TRAINING_BELOW = 0.92
VALIDATION_FROM = 0.85
"""System 5's bounds: label accuracy below 0.92 on training rows and at least 0.85 on validation rows."""


@dataclass(frozen=True)
class Fit:
    """The label accuracies of a run.

    Attributes:
        run: the run's directory, absolute.
        model: name of the run's model.
        training: label accuracy on the training rows, 0 to 1.
        validation: label accuracy on the validation rows, 0 to 1.
    """

    run: Path
    model: str
    training: float
    validation: float

    @property
    def gap(self) -> float:
        """Training accuracy minus validation accuracy."""
        return self.training - self.validation

    @property
    def is_within_bounds(self) -> bool:
        """Whether the run is within system 5's bounds."""
        return self.training < TRAINING_BELOW and self.validation >= VALIDATION_FROM


def read_fit(path: Path) -> Fit:
    """Read the metrics of the run at `path`.

    Raises:
        UserError: if there is no run, it has not finished, or its training rows were not evaluated.
    """
    run = existing_run(path)
    check_finished(run)
    metrics = read_json(verified(run.metrics), dict)
    if "training" not in metrics:
        raise UserError(f"{path}: not evaluated on training rows; train with --train.evaluate_training true")
    with of_training(run):
        accuracies = {split: 1 - metrics[split]["hamming_loss"] for split in ("training", "validation")}
    return Fit(path.resolve(), load_config(verified(run.config)).model, **accuracies)


def write_comparison(fits: Sequence[Fit], folder: Path) -> str:
    """Write `overfitting.md` and `overfitting.png` into a folder, and return the table.

    Args:
        fits: the runs, in the order of the table.
        folder: created if it does not exist.

    Example:
        print(write_comparison([read_fit(Path("runs/large")), read_fit(Path("runs/mlp"))], Path("compared")))
    """
    folder.mkdir(parents=True, exist_ok=True)
    models, names = [fit.model for fit in fits], _names([fit.run for fit in fits])
    figure = plots.training_gap(
        models if len(set(models)) == len(fits) else names,
        [fit.training for fit in fits],
        [fit.validation for fit in fits],
    )
    save_plot(folder / "overfitting.png", figure)
    table = _table(fits, names)
    write_text(
        folder / "overfitting.md",
        f"# Overfitting\n\nLabel accuracy is the share of labels, present or absent, that are predicted "
        f"correctly.\n\n{table}\n\n![Label accuracy of each run](overfitting.png)\n",
    )
    return table


def _names(runs: Sequence[Path]) -> list[str]:
    """Return the last folders of each path, as many of them as tell different paths apart."""
    length = 1
    while len({run.parts[-length:] for run in runs}) < len(set(runs)):
        length += 1
    return [str(Path(*run.parts[-length:])) for run in runs]


def _table(fits: Sequence[Fit], names: Sequence[str]) -> str:
    bounds = f"training < {TRAINING_BELOW:.0%}, validation ≥ {VALIDATION_FROM:.0%}"
    rows = [
        [
            code(name),
            escape(fit.model),
            f"{fit.training:.2%}",
            f"{fit.validation:.2%}",
            f"{100 * fit.gap:.2f} points",
            "within" if fit.is_within_bounds else "outside",
        ]
        for name, fit in zip(names, fits, strict=True)
    ]
    return markdown_table(["run", "model", "training", "validation", "gap", bounds], rows)
