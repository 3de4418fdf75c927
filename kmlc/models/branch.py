"""A branch of a model: the embedding of one modality, an input of the fusion."""

from dataclasses import dataclass, replace

import keras
from keras import ops

from kmlc.models.terms import Embedding, Terms

Inputs = dict[str, keras.KerasTensor]
"""The inputs of a model by name."""


@dataclass(frozen=True)
class Branch:
    """The embedding of one modality.

    Attributes:
        name: image or caption.
        embedding: float (batch, width), or terms.
        present: int32 mask (batch, 1), 1 for a row that has the modality, 0 for one that lacks it.
    """

    name: str
    embedding: Embedding
    present: keras.KerasTensor

    def masked(self) -> Embedding:
        """Return the embedding with zeros in rows that lack the modality."""
        if isinstance(self.embedding, Terms):
            weights = self.embedding.weights
            return replace(self.embedding, weights=weights * ops.cast(self.present, weights.dtype))
        return self.embedding * ops.cast(self.present, self.embedding.dtype)
