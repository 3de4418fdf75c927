"""Letter n-gram counts as the embedding of a caption (systems 1 and 2)."""

from collections.abc import Callable

import keras
from keras import ops

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.models.branch import Branch


def ngrams(
    n: int,
) -> Callable[[CaptionsConfig, EncoderState], tuple[dict[str, keras.KerasTensor], Branch]]:
    """Return the text tower for letter n-grams: one input of shape (batch, 26**n), passed on unchanged."""

    def tower(config: CaptionsConfig, state: EncoderState) -> tuple[dict[str, keras.KerasTensor], Branch]:
        counts = keras.Input((26**n,), name="ngrams")
        present = ops.cast(ops.any(counts > 0, axis=1, keepdims=True), "float32")
        return {"ngrams": counts}, Branch("caption", counts, present)

    return tower
