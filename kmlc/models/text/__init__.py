"""Text towers: from a caption encoder's inputs to one vector. A new one is a file and a line in `TOWERS`."""

from collections.abc import Callable

import keras

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.models.branch import Branch
from kmlc.models.text.bert import bert
from kmlc.models.text.ngrams import ngrams

Inputs = dict[str, keras.KerasTensor]

TOWERS: dict[str, Callable[[CaptionsConfig, EncoderState], tuple[Inputs, Branch]]] = {
    "bigram": ngrams(2),
    "trigram": ngrams(3),
    "bert": bert,
}
"""By the name in `captions.encoder`: from settings and encoder state to inputs and the branch."""
