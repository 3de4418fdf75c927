"""TF-IDF weights of the terms of a caption as its embedding."""

import keras

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.models.branch import Inputs
from kmlc.models.terms import Terms


def tfidf(config: CaptionsConfig, state: EncoderState) -> tuple[Inputs, Terms]:
    """Return the text tower for TF-IDF: ids and weights of a caption's terms, passed on unchanged.

    Args:
        config: not read.
        state: `terms`.

    Returns:
        The inputs `term_ids`, int32, and `term_weights`, float32, both (batch, n), and the embedding.
    """
    ids = keras.Input((None,), dtype="int32", name="term_ids")
    weights = keras.Input((None,), name="term_weights")
    return {"term_ids": ids, "term_weights": weights}, Terms(ids, weights, len(state.terms))
