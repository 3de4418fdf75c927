"""Letter n-gram counts as they are: the caption's vector in systems 1 and 2."""

from collections.abc import Callable
from typing import Any

import keras

from kmlc.config import CaptionsConfig


def ngrams(
    n: int,
) -> Callable[[CaptionsConfig, dict[str, Any]], tuple[dict[str, keras.KerasTensor], keras.KerasTensor]]:
    """Return the text tower for letter n-grams: one input of shape (batch, 26**n), handed on unchanged."""

    def tower(
        config: CaptionsConfig, learnt: dict[str, Any]
    ) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
        counts = keras.Input((26**n,), name="ngrams")
        return {"ngrams": counts}, counts

    return tower
