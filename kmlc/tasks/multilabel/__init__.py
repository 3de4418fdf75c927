"""Any number of labels for each row (systems 1, 2, 3 and 5): sigmoid, and a threshold for each label."""

from collections.abc import Sequence

from kmlc.config import Config
from kmlc.tasks.task import Direction, Task

METRICS: dict[str, Direction] = {
    **dict.fromkeys(("micro_f1", "macro_f1", "samples_f1", "micro_map", "macro_map"), "max"),
    **{"hamming_loss": "min", "subset_accuracy": "max", "batch_macro_f1": "max"},
}
"""Every metric of a set of rows, and whether lower or higher is better."""

IGNORED: Sequence[str] = ("hierarchy",)
"""Settings, and groups of settings, that the task does not read."""


def is_chosen(config: Config) -> bool:
    """Return True: this is the task of all settings that choose no other."""
    return True


def task_type() -> type[Task]:
    """Import and return the task."""
    from kmlc.tasks.multilabel.task import Multilabel

    return Multilabel
