"""A finished run as something that predicts: settings, labels, thresholds, weights; no code is loaded."""

from dataclasses import dataclass

import keras
import numpy as np

from kmlc.config import Config
from kmlc.data.captions import Encode, caption_encoder
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.files import read_json, sha256
from kmlc.models.build import build_model
from kmlc.objectives.thresholds import decide
from kmlc.settings import load_config
from kmlc.training import environment
from kmlc.training.checkpoint import load_weights
from kmlc.training.prepare import load_learnt, load_vocabulary
from kmlc.training.run_directory import RunDirectory


@dataclass(frozen=True)
class TrainedRun:
    """What a finished run predicts with.

    Attributes:
        config: its settings.
        vocabulary: its labels.
        thresholds: one for each class, shape (classes,).
        encode: its caption encoder.
        model: its model with the best epoch's weights; it returns logits.
    """

    config: Config
    vocabulary: Vocabulary
    thresholds: np.ndarray
    encode: Encode
    model: keras.Model

    @property
    def no_label(self) -> str | int:
        """The rule for a row that gets no label, as `decide` takes it."""
        return self.vocabulary.no_label(self.config.thresholds.no_label)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the labels, bool (rows, classes), of probabilities of that shape."""
        return decide(probabilities, self.thresholds, self.no_label)


def restore(run: RunDirectory) -> TrainedRun:
    """Rebuild a finished run's model from its settings and load its weights.

    Raises:
        UserError: if the run is not finished, or its weights are not those it was finished with.

    Example:
        trained = restore(newest_run(finished=True))
    """
    if not run.finished:
        raise UserError(
            f"{run.path}: this run never finished; go on with it (python train.py --resume {run.path}) "
            "or name a finished one"
        )
    config = load_config(run.config)
    if sha256(run.best_weights) != read_json(run.metrics)["weights_sha256"]:
        raise UserError(f"{run.best_weights}: not the weights that the run finished with (sha256 differs)")
    keras.mixed_precision.set_dtype_policy(environment.precision(config.train))
    vocabulary, learnt = load_vocabulary(run), load_learnt(run)
    model = build_model(config, len(vocabulary), learnt)
    load_weights(run.best_weights, model)
    saved = read_json(run.thresholds)
    thresholds = np.array([saved[label] for label in vocabulary.labels])
    return TrainedRun(config, vocabulary, thresholds, caption_encoder(config.captions, learnt), model)
