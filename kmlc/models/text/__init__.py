"""Text towers: from a caption encoder's inputs to one vector. A new one is a file and a line in `TOWERS`."""

from collections.abc import Callable
from typing import Any

import keras

from kmlc.config import CaptionsConfig
from kmlc.models.branch import Branch
from kmlc.models.text.bert import bert
from kmlc.models.text.ngrams import ngrams

Inputs = dict[str, keras.KerasTensor]

TOWERS: dict[str, Callable[[CaptionsConfig, dict[str, Any]], tuple[Inputs, Branch]]] = {
    "bigram": ngrams(2),
    "trigram": ngrams(3),
    "bert": bert,
}
"""By the name in `captions.encoder`: from settings and what was learnt to inputs and the branch."""
