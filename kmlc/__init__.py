"""kmlc: multi-label classification of images that come with a short text, on Keras 3 and TensorFlow."""

from __future__ import annotations

import os
import sys
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from kmlc.errors import UserError
from kmlc.tensorflow_variables import VARIABLES

if TYPE_CHECKING:
    # Imported by `load`, as TensorFlow takes seconds.
    from kmlc.prediction.predictor import Predictor

__version__ = "0.1.0"

if "tensorflow" not in sys.modules:  # it would not read them again
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", VARIABLES["TF_ENABLE_ONEDNN_OPTS"])


def load(*runs: str | PathLike[str], tta: str = "none") -> Predictor:
    """Load a finished run to predict with, or several whose logits are averaged.

    Args:
        runs: run directories; none is the newest finished run in runs/.
        tta: test-time augmentation, the views of an image whose logits are averaged: "none", "flip" (the
            image and its mirror image) or "crops" (also corners and centre, twelve views).

    Raises:
        UserError: if there is no such run, it is not finished, or the runs have different labels.

    Example:
        import kmlc

        predictor = kmlc.load("runs/mine")
        table = predictor.predict(["bus.jpg", None], ["A red bus.", "A man rides a bike."])
        table.to_csv("predictions.csv", index=False)
    """
    from kmlc.prediction.predictor import load_predictor

    for run in runs:
        if not isinstance(run, str | PathLike):
            raise UserError(f"expected the path of a run directory; got {run!r}")
    return load_predictor([Path(run) for run in runs], tta)
