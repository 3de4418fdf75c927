"""Late fusion with branches from earlier runs, one run for each branch."""

from dataclasses import replace
from pathlib import Path

import keras

from kmlc.config import Config
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.models.image.tower import LAYER
from kmlc.models.text.bert import BACKBONE
from kmlc.settings import load_config
from kmlc.training.manifest import verified
from kmlc.training.prepare import PreparedData
from kmlc.training.restore import restore
from kmlc.training.run_directory import RunDirectory, existing_run
from kmlc.training.run_files import load_split, load_task


def check_branches(config: Config, vocabulary: Vocabulary) -> None:
    """Check, before a model is built, that the runs `fusion.image_run` and `fusion.caption_run` fit.

    Args:
        config: the settings of the new run.
        vocabulary: its labels.

    Raises:
        UserError: if fusion, settings of the branch or labels of a run differ, or if it has both branches.
    """
    for key, run in _runs(config).items():
        if config.fusion.name != "late":
            raise UserError(f"fusion.{key}: expected fusion.name late with it; got {config.fusion.name}")
        if config.tower.input != "image" or config.captions.encoder == "none":
            raise UserError(
                f"fusion.{key}: expected images and captions with it; "
                f"got tower.name {config.tower.name} and captions.encoder {config.captions.encoder}"
            )
        if problem := _mismatch(key, config, vocabulary, run):
            raise UserError(f"fusion.{key}: {run.path}: {problem}")


def load_branches(model: keras.Model, config: Config, prepared: PreparedData) -> None:
    """Copy the weights of the runs `fusion.image_run` and `fusion.caption_run` into a new model.

    Args:
        model: with `fusion.name: late` and both branches.
        config: its settings, which passed `check_branches`.
        prepared: its data.

    Raises:
        UserError: if a run is not finished, or was trained on validation or test rows of the new run.
    """
    for key, run in _runs(config).items():
        trained = restore(run).model
        if problem := _seen(run, prepared):
            raise UserError(f"fusion.{key}: {run.path}: {problem}")
        branch = key.removesuffix("_run")
        own = ({"image": LAYER, "caption": BACKBONE}[branch], f"{branch}_normalize")
        there = {each.name for each in trained.layers}
        layers = {f"{branch}_head": "head"} | {name: name for name in own if name in there}
        for ours, theirs in layers.items():
            model.get_layer(ours).set_weights(trained.get_layer(theirs).get_weights())


def _runs(config: Config) -> dict[str, RunDirectory]:
    """Return the runs that the settings name, by the name of the setting."""
    named = {"image_run": config.fusion.image_run, "caption_run": config.fusion.caption_run}
    return {key: existing_run(Path(name)) for key, name in named.items() if name is not None}


def _mismatch(key: str, config: Config, vocabulary: Vocabulary, run: RunDirectory) -> str | None:
    """Return why a run's branch does not fit, or None if it fits."""
    theirs = load_config(verified(run.config))
    found: str
    if key == "image_run":
        same = (theirs.tower, theirs.images.size) == (config.tower, config.images.size)
        settings, other, found = "tower and images.size", "captions.encoder", theirs.captions.encoder
    else:
        # Its weights are frozen now, so it does not matter whether they were trained.
        same = replace(theirs.captions, trainable=True) == replace(config.captions, trainable=True)
        settings, other, found = "captions", "tower.name", theirs.tower.name
    if found != "none":
        return f"expected a run with {other} none; got {found}"
    if not same:
        return f"expected the same settings of {settings}; they differ"
    for name in ("hidden_dim", "normalize"):  # what the head of a branch is built by
        was, now = getattr(theirs.fusion, name), getattr(config.fusion, name)
        if was != now:
            return f"expected fusion.{name} {str(was).lower()} as in it; got {str(now).lower()}"
    if load_task(run).vocabulary.labels != vocabulary.labels:
        return "expected the same labels; they differ"
    return None


def _seen(run: RunDirectory, prepared: PreparedData) -> str | None:
    """Return that a run was trained on rows that are held out now, or None if it was not."""
    trained_on = set(load_split(run)["training"])
    held_out = [*prepared.validation.ids, *prepared.test.ids]
    shared = sum(name in trained_on for name in held_out)
    if not shared:
        return None
    return f"expected a run that was not trained on the rows held out now; it was, on {shared} of them"
