"""Letter n-gram counts as the embedding of a caption (systems 1 and 2)."""

from collections.abc import Callable

import keras

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.models.branch import Inputs


def ngrams(
    n: int,
) -> Callable[[CaptionsConfig, EncoderState], tuple[Inputs, keras.KerasTensor]]:
    """Return the text tower for letter n-grams: one input of shape (batch, 26**n), passed on unchanged."""

    def tower(config: CaptionsConfig, state: EncoderState) -> tuple[Inputs, keras.KerasTensor]:
        counts = keras.Input((26**n,), name="ngrams")
        return {"ngrams": counts}, counts

    return tower
