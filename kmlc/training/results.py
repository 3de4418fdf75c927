"""The end of a run: thresholds fitted on the validation rows, and the figures."""

import keras
import numpy as np

from kmlc.config import Config
from kmlc.files import sha256, write_json
from kmlc.objectives.metrics import evaluate, per_class
from kmlc.training.callbacks import objective
from kmlc.training.run_directory import RunDirectory
from kmlc.training.schedule import History, best_epoch
from kmlc.training.validation import Validation


def write_results(
    run: RunDirectory, config: Config, model: keras.Model, validation: Validation, history: History
) -> str:
    """Fit the thresholds, write `thresholds.json` and `metrics.json`, and return the figures in a few lines.

    Args:
        run: a run whose epochs are done.
        config: its settings.
        model: with the best epoch's weights.
        validation: the rows that the thresholds are fitted on.
        history: the figures of every epoch.
    """
    labels, names = validation.labels, validation.vocabulary.labels
    scores = validation.probabilities(model)
    thresholds = validation.fit(scores)
    decided = validation.decide(scores, thresholds)
    before = evaluate(labels, scores, validation.decide(scores, np.full(len(names), 0.5)))
    after = evaluate(labels, scores, decided)
    best = best_epoch(history, objective(config)) + 1
    write_json(run.thresholds, dict(zip(names, thresholds.tolist(), strict=True)))
    write_json(
        run.metrics,
        {
            "best_epoch": best,
            "epochs": len(history),
            "parameters": model.count_params(),
            "weights_sha256": sha256(run.best_weights),
            "validation_at_0.5": before,
            "validation": after,
            "per_class": dict(zip(names, per_class(labels, scores, decided), strict=True)),
        },
    )
    return f"Best epoch: {best} of {len(history)}\n{_compare(before, after, config)}"


def _compare(before: dict[str, float | None], after: dict[str, float | None], config: Config) -> str:
    """Return the validation figures at 0.5 and with the fitted thresholds, side by side."""
    lines = [f"{'validation':<16}{'at 0.5':>10}{config.thresholds.method:>10}"]
    for name in before:
        pair = "".join(
            f"{'-' if value is None else format(value, '.4f'):>10}" for value in (before[name], after[name])
        )
        lines.append(f"  {name.replace('_', ' '):<14}{pair}")
    return "\n".join(lines)
