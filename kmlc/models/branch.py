"""A branch of a model: the embedding of one modality, an input of the fusion."""

from dataclasses import dataclass, replace

import keras
from keras import layers, ops

from kmlc.models.terms import Embedding, Terms

TERMS_NORM = 40.0
"""The Euclidean norm of normalised TF-IDF: that of 1,600 numbers with a deviation of 1."""
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

    def normalized(self, frozen: bool) -> "Branch":
        """Return the branch with its embedding normalised by the statistics of the training rows.

        This is batch normalisation without trained scale and shift, as in the linear probes of He et al.
        (CVPR 2022). The statistics of a frozen branch stay as they are. Terms are scaled to `TERMS_NORM`.
        """
        if isinstance(self.embedding, Terms):
            scaled = replace(self.embedding, weights=self.embedding.weights * TERMS_NORM)
            return replace(self, embedding=scaled)
        layer = layers.BatchNormalization(
            momentum=0.9, center=False, scale=False, name=f"{self.name}_normalize"
        )
        layer.trainable = not frozen
        return replace(self, embedding=layer(self.embedding))

    def masked(self) -> Embedding:
        """Return the embedding with zeros in rows that lack the modality."""
        if isinstance(self.embedding, Terms):
            weights = self.embedding.weights
            return replace(self.embedding, weights=weights * ops.cast(self.present, weights.dtype))
        return self.embedding * ops.cast(self.present, self.embedding.dtype)
