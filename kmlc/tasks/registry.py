"""Which task a run is about."""

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.tasks.hierarchy import Hierarchical
from kmlc.tasks.multilabel import Multilabel
from kmlc.tasks.task import Task


def task_of(config: Config, vocabulary: Vocabulary) -> Task:
    """Return the task that the labels ask for: both levels of a hierarchy, or several labels to a row.

    Raises:
        UserError: if its settings do not fit the labels.
    """
    return (Hierarchical if vocabulary.parents else Multilabel)(config, vocabulary)
