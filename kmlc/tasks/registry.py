"""Which task a run is about."""

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.tasks.multilabel import Multilabel
from kmlc.tasks.task import Task


def task_of(config: Config, vocabulary: Vocabulary) -> Task:
    """Return the task that the settings describe: a hierarchy if there is a column of superclasses.

    Raises:
        UserError: if its settings do not fit the labels.
    """
    return Multilabel(config, vocabulary)
