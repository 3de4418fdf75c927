"""A branch of a model: what one modality comes to before the fusion."""

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Branch:
    """A modality's vector.

    Attributes:
        name: image or caption.
        vector: float (batch, width).
        present: float (batch, 1), 1 for a row that has the modality, 0 for one without: a placeholder
            image, an empty caption.
    """

    name: str
    vector: keras.KerasTensor
    present: keras.KerasTensor
