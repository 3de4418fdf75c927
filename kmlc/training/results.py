"""The end of a run: thresholds fitted on the validation rows, and the metrics."""

from collections.abc import Mapping

import keras
import numpy as np

from kmlc.files import write_json, write_with
from kmlc.markdown import metric_title
from kmlc.tasks.task import Metrics, Task
from kmlc.training.divergence import check_logits
from kmlc.training.evaluation import EvaluationSet
from kmlc.training.run_directory import RunDirectory


def write_results(
    run: RunDirectory,
    task: Task,
    model: keras.Model,
    splits: Mapping[str, EvaluationSet],
    best_epoch: int,
    epochs: int,
    diverged: str | None = None,
) -> str:
    """Fit the thresholds, write all that a finished run has, and return a table of the metrics.

    Args:
        run: a run whose epochs are finished.
        task: what the logits mean.
        model: the whole model.
        splits: the rows to evaluate with the best weights, by the name of their split; thresholds are fitted
            on `validation`.
        best_epoch: number of the best epoch, from 1.
        epochs: number of epochs.
        diverged: what became NaN or infinite and ended the epochs; None if nothing did.

    Raises:
        DivergenceError: if logits are not finite.
    """
    logits = {name: rows.logits() for name, rows in splits.items()}
    for name, values in logits.items():
        check_logits(values, name)
    labels = {name: rows.labels for name, rows in splits.items()}
    thresholds = task.fit(labels["validation"], logits["validation"])
    metrics = {name: task.metrics(labels[name], logits[name], thresholds) for name in splits}
    details = {name: task.details(labels[name], logits[name], thresholds) for name in splits}
    arrays = {f"{name}_logits": value for name, value in logits.items()}
    arrays |= {f"{name}_labels": value for name, value in labels.items()}
    write_with(run.logits, lambda path: np.savez_compressed(path, allow_pickle=False, **arrays))
    write_json(run.thresholds, dict(thresholds))
    write_json(
        run.metrics,
        {
            "best_epoch": best_epoch,
            "epochs": epochs,
            "diverged": diverged,
            "parameters": model.count_params(),
            **metrics,
            "details": details,
        },
    )
    run.finish()
    return "\n".join(
        [
            f"Best epoch: {best_epoch} of {epochs}",
            _side_by_side(metrics, details),
            *task.advice(details["validation"]),
        ]
    )


def _side_by_side(metrics: Mapping[str, Metrics], details: Mapping[str, dict[str, Metrics]]) -> str:
    """Return a table with a column for each split, and first one for validation at threshold 0.5."""
    columns = {name.capitalize(): each for name, each in metrics.items()}
    if "at_0.5" in details["validation"]:
        columns = {"at 0.5": details["validation"]["at_0.5"]} | columns
    width = max(22, *map(len, metrics["validation"]))
    lines = [" " * (width + 2) + "".join(f"{name:>12}" for name in columns)]
    for name in metrics["validation"]:
        values = [column[name] for column in columns.values()]
        cells = "".join(f"{'-' if value is None else format(value, '.4f'):>12}" for value in values)
        lines.append(f"  {metric_title(name):<{width}}{cells}")
    return "\n".join(lines)
