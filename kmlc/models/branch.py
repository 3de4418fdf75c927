"""A branch of a model: the embedding of one modality, an input of the fusion."""

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Branch:
    """The embedding of one modality.

    Attributes:
        name: image or caption.
        embedding: float (batch, width).
        present: float (batch, 1), 1 for a row with the modality, 0 for a placeholder image or an empty
            caption.
    """

    name: str
    embedding: keras.KerasTensor
    present: keras.KerasTensor
