"""Late fusion of branches that were trained first, each as a run of its own."""

from dataclasses import replace
from pathlib import Path

import keras

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.files import read_json
from kmlc.models.image.tower import LAYER
from kmlc.models.text.bert import BACKBONE
from kmlc.training.prepare import Prepared
from kmlc.training.restore import TrainedRun, restore
from kmlc.training.run_directory import RunDirectory, existing_run


def load_branches(model: keras.Model, config: Config, vocabulary: Vocabulary, prepared: Prepared) -> None:
    """Copy the branches that `fusion.image_run` and `fusion.caption_run` name into a fresh model.

    Args:
        model: with `fusion.name: late` and both branches.
        config: its settings.
        vocabulary: its labels.
        prepared: its rows.

    Raises:
        UserError: if a run does not fit: fusion, settings of the branch or labels differ, it has the other
            branch too, or it was trained on rows that the new run validates or tests on.
    """
    for key, layer in (("image_run", LAYER), ("caption_run", BACKBONE)):
        name = getattr(config.fusion, key)
        if name is None:
            continue
        if config.fusion.name != "late":
            raise UserError(f"fusion.{key}: expected fusion.name late with it; got {config.fusion.name}")
        run = existing_run(Path(name))
        trained = restore(run)
        problem = _mismatch(key, config, vocabulary, trained) or _seen(run, prepared)
        if problem:
            raise UserError(f"fusion.{key}: {run.path}: {problem}")
        layers = {f"{key.removesuffix('_run')}_head": "head"}
        if layer in {each.name for each in trained.model.layers}:
            layers[layer] = layer
        for ours, theirs in layers.items():
            model.get_layer(ours).set_weights(trained.model.get_layer(theirs).get_weights())


def _mismatch(key: str, config: Config, vocabulary: Vocabulary, trained: TrainedRun) -> str | None:
    """Say why a run's branch does not fit, or None if it does."""
    theirs = trained.config
    if key == "image_run":
        same = (theirs.tower, theirs.images.size) == (config.tower, config.images.size)
        alone, part = theirs.captions.encoder == "none", "tower and images.size"
    else:
        # Whether the encoder was trained then makes no difference now.
        same = replace(theirs.captions, trainable=True) == replace(config.captions, trainable=True)
        alone, part = theirs.tower.name == "none", "captions"
    if not alone:
        return "expected a run of this branch alone; it has the other one too"
    if not same:
        return f"expected the same settings of {part}; they differ"
    if theirs.fusion.hidden_dim != config.fusion.hidden_dim:
        return (
            f"expected fusion.hidden_dim {theirs.fusion.hidden_dim} as in it; got {config.fusion.hidden_dim}"
        )
    if trained.vocabulary.labels != vocabulary.labels:
        return "expected the same labels; they differ"
    return None


def _seen(run: RunDirectory, prepared: Prepared) -> str | None:
    """Say that a run has learnt rows that it shall be judged on now, or None if it has not."""
    known = set(read_json(run.split)["training"])
    held_out = [*prepared.validation.ids, *prepared.test.ids]
    shared = sum(name in known for name in held_out)
    if not shared:
        return None
    return f"expected a run that has not learnt the rows held out now; it has learnt {shared} of them"
