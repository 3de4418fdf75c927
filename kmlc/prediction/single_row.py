"""Prints the prediction of one row: an image, a caption, or both."""

from pathlib import Path

from kmlc.prediction.inputs import records_of
from kmlc.prediction.predictor import Predictor


def predict_one(predictor: Predictor, image: Path | None, caption: str | None) -> None:
    """Print the probabilities of the classes of one image, highest first, and the predicted labels.

    Raises:
        UserError: if the image cannot be read, or the run takes feature vectors.

    Example:
        predict_one(load_predictor([Path("runs/mine")]), Path("bus.jpg"), "A red bus.")
    """
    print(f"Predicting 1 row with {predictor.name}", flush=True)
    features = predictor.config.tower.input == "features"
    records = records_of(None if features else image, caption or "", predictor.config)
    predictor.check_features(records, "--image and --caption")
    predictor.note_ignored_captions(records)
    print("\n".join(predictor.task.explain(predictor.logits(records), predictor.thresholds)))
