"""What a run directory holds, read with its types checked: it may be somebody else's, its hashes correct."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kmlc.arrays import read_arrays
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.settings import load_config
from kmlc.tasks.registry import task_of, task_type
from kmlc.tasks.task import Task, Thresholds
from kmlc.training.manifest import verified
from kmlc.training.run_directory import RunDirectory

SPLITS = ("training", "validation", "test")


def load_task(run: RunDirectory) -> Task:
    """Return the task of a run, with the run's settings and vocabulary.

    Raises:
        UserError: if a file is missing, changed or damaged.
    """
    config = load_config(verified(run.config))
    saved = read_json(verified(run.labels), dict)
    try:
        vocabulary = task_type(config).load_vocabulary(saved)
    except ValueError as error:
        raise UserError(f"{run.labels}: damaged; expected the labels of a run ({error})") from None
    return task_of(config, vocabulary)


def load_thresholds(run: RunDirectory, task: Task) -> Thresholds:
    """Return the thresholds of a finished run.

    Raises:
        UserError: if the file is missing, changed or damaged.
    """
    saved = read_json(verified(run.thresholds), dict)
    names = task.threshold_names
    if set(saved) != set(names) or not all(type(value) in (int, float) for value in saved.values()):
        raise _damaged(run.thresholds, f"a number for each of {', '.join(names)}")
    return saved


def load_split(run: RunDirectory) -> dict[str, list[str]]:
    """Return the names of the rows of each split.

    Raises:
        UserError: if the file is missing, changed or damaged.
    """
    saved: dict[str, Any] = read_json(verified(run.split), dict)
    if set(saved) != set(SPLITS) or not all(map(_is_list_of_strings, saved.values())):
        raise _damaged(run.split, f"lists of names: {', '.join(SPLITS)}")
    return saved


def load_validation(run: RunDirectory, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels, uint8, and the logits, float32, of the validation rows: (rows, classes) each.

    Raises:
        UserError: if the file is missing, changed or damaged.
    """
    return load_evaluated(run, task, "validation")


def load_evaluated(run: RunDirectory, task: Task, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels, uint8, and the logits, float32, of the rows of a split: (rows, classes) each.

    Args:
        run: a finished run.
        task: its task.
        split: one of `evaluated_splits`.

    Raises:
        UserError: if the file is missing, changed or damaged.
    """
    saved = read_arrays(verified(run.logits), [f"{split}_labels", f"{split}_logits"])
    shape = len(load_split(run)[split]), sum(task.heads.values())
    labels, logits = (saved.get(f"{split}_{name}", np.empty(0)) for name in ("labels", "logits"))
    whole = (labels.shape, labels.dtype, logits.shape, logits.dtype) == (shape, np.uint8, shape, np.float32)
    if not whole or labels.max(initial=0) > 1 or not np.isfinite(logits).all():
        raise _damaged(run.logits, f"labels and logits of {shape[0]} {split} rows and {shape[1]} classes")
    return labels, logits


def evaluated_splits(run: RunDirectory) -> list[str]:
    """Return the splits of which a finished run has logits.

    Raises:
        UserError: if the file is missing, changed or damaged.
    """
    saved = read_arrays(verified(run.logits))
    return [split for split in SPLITS if f"{split}_logits" in saved]


@contextmanager
def of_training(run: RunDirectory) -> Iterator[None]:
    """Say in one line what wrong keys or types in the files of a run raise in the block that uses them.

    For files whose values are many and are used once, such as the metrics in a report.

    Raises:
        UserError: with the error of the block.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{run.path}: damaged; expected files as training writes them ({reason})") from error


def _is_list_of_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _damaged(path: Path, expected: str) -> UserError:
    return UserError(f"{path}: damaged; expected {expected}")
