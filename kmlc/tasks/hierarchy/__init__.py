"""A superclass and a subclass for each row (system 4): two softmax heads, and novelty at both levels."""

from collections.abc import Sequence

from kmlc.config import Config
from kmlc.tasks.task import Direction, Task

LEVELS = ("superclass", "subclass")
"""Names of the levels: of the heads, the thresholds and the metrics."""

_OF_CLASSES = (
    *(f"{level}_accuracy" for level in LEVELS),
    *("hierarchical_precision", "hierarchical_recall", "hierarchical_f1", "consistency"),
)

METRICS: dict[str, Direction] = dict.fromkeys(
    (*_OF_CLASSES, *(f"{level}_auroc" for level in LEVELS), *(f"open_{name}" for name in _OF_CLASSES)), "max"
)
"""Every metric of a set of rows, and whether lower or higher is better."""

IGNORED: Sequence[str] = ("objective", "thresholds")
"""Settings, and groups of settings, that the task does not read."""


def is_chosen(config: Config) -> bool:
    """Return whether the settings choose this task: the table has a column of superclasses."""
    return config.table.superclass_column is not None and config.tower.input != "features"


def task_type() -> type[Task]:
    """Import and return the task."""
    from kmlc.tasks.hierarchy.task import Hierarchical

    return Hierarchical
