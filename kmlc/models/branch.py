"""A branch of a model: the embedding of one modality, an input of the fusion."""

from dataclasses import dataclass

import keras
from keras import ops

Inputs = dict[str, keras.KerasTensor]
"""The inputs of a model by name."""


@dataclass(frozen=True)
class Branch:
    """The embedding of one modality.

    Attributes:
        name: image or caption.
        embedding: float (batch, width).
        present: int32 mask (batch, 1), 1 for a row that has the modality, 0 for one that lacks it.
    """

    name: str
    embedding: keras.KerasTensor
    present: keras.KerasTensor

    def masked(self) -> keras.KerasTensor:
        """Return the embedding with zeros in rows that lack the modality."""
        return self.embedding * ops.cast(self.present, self.embedding.dtype)
