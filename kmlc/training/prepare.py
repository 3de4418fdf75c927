"""What a run settles before its first step and never changes: settings, labels, split, caption vocabulary."""

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from kmlc.config import Config
from kmlc.data.captions import fit_captions
from kmlc.data.encoder_state import EncoderState, load_encoder_state, save_encoder_state
from kmlc.data.records import LabelledData, Records
from kmlc.data.splits import split_rows
from kmlc.errors import UserError
from kmlc.files import read_json, write_json, write_text
from kmlc.settings import load_config, save_config
from kmlc.tasks.registry import task_of, task_type
from kmlc.tasks.rows import read_test
from kmlc.tasks.task import Task
from kmlc.training.environment import describe
from kmlc.training.run_directory import RunDirectory, existing_run, new_run


@dataclass(frozen=True)
class PreparedData:
    """What is settled before the first step.

    Attributes:
        training: the rows to train on.
        validation: the rows to validate on.
        test: the labelled rows held out from both; none if no test part was asked for.
        encoder_state: word pieces, sizes of a pretrained BERT, width of feature vectors.
    """

    training: Records
    validation: Records
    test: Records
    encoder_state: EncoderState


def prepare_data(config: Config, data: LabelledData) -> PreparedData:
    """Settle a new run; nothing is written.

    Args:
        config: the resolved settings.
        data: the labelled rows.

    Raises:
        UserError: if a preset cannot be loaded, or the split leaves a part without a row.
    """
    labels = data.records.labels
    validation_only = data.vocabulary.validation_only(labels)
    known = np.flatnonzero(~validation_only)
    split = split_rows(labels[known], config.split, config.seed)
    if not len(split.training) or not len(split.validation) or (config.split.test and not len(split.test)):
        raise UserError(
            f"split.validation {config.split.validation} and split.test {config.split.test} of "
            f"{len(known)} rows leave {len(split.training)} to train on, {len(split.validation)} to "
            f"validate on and {len(split.test)} to test on; expected a row for every part that is not 0"
        )
    validating = np.union1d(known[split.validation], np.flatnonzero(validation_only))
    training, validation, test = map(
        data.records.take, (known[split.training], validating, known[split.test])
    )
    if config.fusion.caption_run:
        state = load_encoder_state(existing_run(Path(config.fusion.caption_run)).encoder)
    else:
        state = fit_captions(config.captions, training.captions)
    if training.features is not None:
        state = replace(state, features=training.features.shape[1])
    return PreparedData(training, validation, test, state)


def create_run(config: Config, data: LabelledData, prepared: PreparedData) -> RunDirectory:
    """Make a run directory with everything that a later command needs besides weights.

    Returns:
        The run directory. `config.yaml` is written last: a directory with it is a run that was begun.
    """
    run = new_run(config.model) if config.run is None else RunDirectory(Path(config.run))
    run.path.mkdir(parents=True, exist_ok=True)
    parts = {"training": prepared.training, "validation": prepared.validation, "test": prepared.test}
    write_json(run.split, {name: records.ids for name, records in parts.items()})
    write_json(run.labels, dataclasses.asdict(data.vocabulary))
    save_encoder_state(run.encoder, prepared.encoder_state)
    write_json(run.data_report, {"training": data.report.as_dict()})
    write_json(run.environment, describe())
    _write_cleaned(run, config, data)
    save_config(run.config, config)
    return run


def _write_cleaned(run: RunDirectory, config: Config, data: LabelledData) -> None:
    """Write the rows as they are used: system 1's train_cleaned.csv and test_cleaned.csv."""
    if config.tower.input == "features":
        return
    table, rows = config.table, data.records
    cleaned = {table.image_column: rows.ids}
    cleaned |= data.vocabulary.columns(rows.labels, table)
    cleaned[table.caption_column] = rows.captions
    write_text(run.path / "train_cleaned.csv", pd.DataFrame(cleaned).to_csv(index=False, lineterminator="\n"))
    # To train, there need be no rows to predict; the table shows nothing of their images.
    with suppress(UserError):
        rows, _ = read_test(replace(config, tower=replace(config.tower, name="none")))
        cleaned = {table.image_column: rows.ids, table.caption_column: rows.captions}
        path = run.path / "test_cleaned.csv"
        write_text(path, pd.DataFrame(cleaned).to_csv(index=False, lineterminator="\n"))


def load_prepared_data(run: RunDirectory, data: LabelledData) -> PreparedData:
    """Return what was settled when the run was begun.

    Raises:
        UserError: if the data is no longer what the run was begun with.
    """
    if not load_task(run).vocabulary.same_classes(data.vocabulary):
        raise UserError(f"{data.report.file}: its labels changed since {run.path} was begun; begin a new run")
    rows = {name: row for row, name in enumerate(data.records.ids)}
    split = read_json(run.split)
    missing = next((name for part in split.values() for name in part if name not in rows), None)
    if missing is not None:
        raise UserError(
            f"{data.report.file}: {missing} is gone or broken since {run.path} was begun; begin a new run"
        )
    training, validation, test = (
        data.records.take([rows[name] for name in split[part]]) for part in ("training", "validation", "test")
    )
    return PreparedData(training, validation, test, load_encoder_state(run.encoder))


def load_task(run: RunDirectory) -> Task:
    """Return the task of a run, with the run's settings and vocabulary."""
    config = load_config(run.config)
    vocabulary = task_type(config).load_vocabulary(read_json(run.labels))
    return task_of(config, vocabulary)
