"""The tasks. A new one is a package beside this file and a line in `TASKS`.

Nothing heavy is imported here, so that the command line can name metrics: a package imports its task when
it is asked for it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.setting_flags import setting_types
from kmlc.settings import setting
from kmlc.tasks import hierarchy, multilabel
from kmlc.tasks.task import Direction, Task


class TaskPackage(Protocol):
    """What the package of a task defines."""

    METRICS: dict[str, Direction]
    """Every metric of a set of rows, and whether lower or higher is better."""
    IGNORED: Sequence[str]
    """Settings, and groups of settings, that the task does not read."""

    def is_chosen(self, config: Config) -> bool:
        """Return whether the settings choose the task."""

    def task_type(self) -> type[Task]:
        """Import and return the task."""


TASKS: tuple[TaskPackage, ...] = (hierarchy, multilabel)
"""The packages; the first one that the settings choose is the run's task."""

DIRECTIONS: Mapping[str, Direction] = {
    name: direction for task in TASKS for name, direction in task.METRICS.items()
}
"""The metrics of all tasks, and whether lower or higher is better."""


def metrics_of(config: Config) -> Mapping[str, Direction]:
    """Return the metrics of the task that the settings choose, and whether lower or higher is better.

    Example:
        metrics_of(Config())["hamming_loss"]  # "min"
    """
    return _package(config).METRICS


def ignored_settings(config: Config) -> list[str]:
    """Return the keys of settings that are not the defaults, and that the task does not read.

    Example:
        ignored_settings(Config(hierarchy=HierarchyConfig(novel="new")))  # ["hierarchy.novel"]
    """
    ignored, default = _package(config).IGNORED, Config()
    return [
        key
        for key in setting_types()
        if {key, key.partition(".")[0]} & {*ignored} and setting(config, key) != setting(default, key)
    ]


def task_type(config: Config) -> type[Task]:
    """Import and return the type of the task that the settings choose."""
    return _package(config).task_type()


def task_of(config: Config, vocabulary: Vocabulary) -> Task:
    """Return the task that the settings choose.

    Raises:
        UserError: if its settings do not fit the labels.
    """
    return task_type(config)(config, vocabulary)


def _package(config: Config) -> TaskPackage:
    return next(task for task in TASKS if task.is_chosen(config))
