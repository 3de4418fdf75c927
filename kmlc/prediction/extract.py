"""Feature vectors of images: the output of a frozen image tower."""

import keras

from kmlc.config import Config
from kmlc.data.batches import evaluation_batches
from kmlc.data.caption_encoders import NO_CAPTIONS
from kmlc.data.encoder_state import EncoderState
from kmlc.data.readers.npz import Features
from kmlc.errors import UserError
from kmlc.models.image import load_pretrained, tower_of
from kmlc.models.image.tower import image_tower
from kmlc.tasks.rows import read_labelled
from kmlc.training.auto_settings import read_image_backbone, resolve_image_size
from kmlc.training.predict_batches import PredictionProgress, predict_batches


def extract_features(config: Config) -> Features:
    """Return the feature vectors of the labelled rows' images, with their labels.

    Args:
        config: the data, and the image tower with its weights; captions are not read.

    Raises:
        UserError: if the settings have no image tower or no weights for it, or the weights or the data cannot
            be read.

    Example:
        tower = TowerConfig("mobilenetv2", weights="imagenet")
        rows = extract_features(Config(data="my_folder", tower=tower))
    """
    config = resolve_image_size(config)
    if config.tower.input != "image":
        raise UserError(f"tower.name: expected an image tower; got {config.tower.name}")
    if config.tower.weights == "none" and config.tower.preset is None:
        raise UserError(
            "tower.weights: expected weights, as the features of an untrained tower are random; got none "
            "(give --tower.weights imagenet, a file *.weights.h5, or --tower.preset)"
        )
    tower = tower_of(config.tower, EncoderState(image_backbone=read_image_backbone(config)))
    keras.utils.set_random_seed(config.seed)
    model = image_tower(tower, config.images.resolved_size, config.tower)
    load_pretrained(model, config.tower)
    data = read_labelled(config)
    print(data.report.summary(), flush=True)
    batches = evaluation_batches(data.records, config, NO_CAPTIONS)
    steps = -(-len(data.records) // config.train.batch_size)
    images = batches.map(lambda inputs: inputs["image"])
    progress = PredictionProgress(steps, config.train.batch_size)
    vectors = predict_batches(model, images, progress)
    return Features(vectors, data.records.labels, data.records.ids, tuple(data.vocabulary.unique_labels()))
