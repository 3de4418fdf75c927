"""The data of a run: split, with settings resolved and the caption encoder fitted; saved and loaded again."""

import dataclasses
import functools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from kmlc.config import Config, TableConfig
from kmlc.csv_file import write_csv
from kmlc.data.caption_encoders import fit_captions, unknown_share
from kmlc.data.columns import CHUNK
from kmlc.data.encoder_state import EncoderState, load_encoder_state, save_encoder_state
from kmlc.data.feature_rows import statistics
from kmlc.data.labels import Vocabulary
from kmlc.data.records import LabelledData, Records
from kmlc.data.splits import split_rows
from kmlc.errors import UserError
from kmlc.files import write_json
from kmlc.markdown import counted
from kmlc.settings import load_config, save_config
from kmlc.tasks.rows import read_test
from kmlc.training.auto_settings import read_image_backbone, resolve
from kmlc.training.manifest import verified
from kmlc.training.row_hashes import changed_rows, save_row_hashes
from kmlc.training.run_directory import RunDirectory, existing_run
from kmlc.training.run_files import load_split, load_task, of_training


@dataclass(frozen=True)
class PreparedData:
    """The data of a run, split, with the settings and the encoder state that were resolved with it.

    Attributes:
        config: the resolved settings (`kmlc.training.auto_settings`).
        vocabulary: the labels in the order of the classes.
        training: the training rows.
        validation: the validation rows.
        test: the held-out test rows; none where `split.test` is 0.
        encoder_state: word pieces, sizes of a pretrained BERT, terms, statistics of feature vectors, the
            image backbone of a preset.
    """

    config: Config
    vocabulary: Vocabulary
    training: Records
    validation: Records
    test: Records
    encoder_state: EncoderState

    @property
    def splits(self) -> dict[str, Records]:
        """The rows of each split by its name."""
        return {"training": self.training, "validation": self.validation, "test": self.test}

    @functools.cached_property
    def unknown_shares(self) -> dict[str, float]:
        """The share of unknown word pieces in the captions of each split; empty without word pieces."""
        if not self.encoder_state.vocabulary:
            return {}
        return {
            name: unknown_share(self.encoder_state, records.captions)
            for name, records in self.splits.items()
            if len(records)
        }


def prepare_data(config: Config, data: LabelledData) -> PreparedData:
    """Split the rows of a new run, resolve its settings and fit its caption encoder; nothing is written.

    Args:
        config: the settings.
        data: the labelled rows.

    Raises:
        UserError: if a preset cannot be loaded, a split is empty that should have rows, no training row
            has a label, or there are neither images nor captions to train on.
    """
    labels = data.records.labels
    groups = data.records.groups
    # An image of a row that is only for validation is not trained on in another row either.
    validation_only = np.isin(groups, groups[data.vocabulary.validation_only(labels)])
    known = np.flatnonzero(~validation_only)
    split = split_rows(labels[known], config.split, config.seed, groups[known])
    if not len(split.training) or not len(split.validation) or (config.split.test and not len(split.test)):
        raise UserError(
            f"split.validation {config.split.validation} and split.test {config.split.test} of "
            f"{counted(len(known), 'row')} leave {len(split.training)} to train on, {len(split.validation)} "
            f"to validate on and {len(split.test)} to test on; expected a row for every split that is not 0; "
            + _way_out(groups[known])
        )
    validating = np.union1d(known[split.validation], np.flatnonzero(validation_only))
    training, validation, test = map(
        data.records.take, (known[split.training], validating, known[split.test])
    )
    if not training.labels.any():
        raise UserError(
            f"{data.report.file}: none of the {len(training):,} rows to train on has a label; expected some"
        )
    asked, config = config, resolve(config, data.label_kind, training)
    if config.tower.name == "none" and config.captions != asked.captions:
        raise UserError(
            f"{data.report.file}: no caption to train on has anything that captions.encoder "
            f"{asked.captions.encoder} reads; expected such captions in the column "
            f"{config.table.caption_column!r} with tower.name none (name yours with --table.caption_column)"
        )
    if config.fusion.caption_run:
        state = load_encoder_state(verified(existing_run(Path(config.fusion.caption_run)).encoder))
    else:
        state = fit_captions(config.captions, training.captions)
    if training.features is not None:
        means, deviations = statistics(training.features)
        state = replace(state, feature_means=means, feature_deviations=deviations)
    state = replace(state, image_backbone=read_image_backbone(config))
    return PreparedData(config, data.vocabulary, training, validation, test, state)


def _way_out(groups: np.ndarray) -> str:
    """Return why rows of these groups could not be split, or what to change."""
    pictures = len(np.unique(groups))
    if pictures == 1 < len(groups):
        return (
            f"all {len(groups)} rows show one picture, so they stay in one split: add rows of other pictures"
        )
    if pictures < len(groups):
        return f"rows of one picture stay in one split, and there are {pictures} pictures: add others"
    return "raise the smallest share, or add rows"


def save_prepared_data(run: RunDirectory, data: LabelledData, prepared: PreparedData) -> None:
    """Write everything into a new run directory that a later command needs besides weights.

    The split is written first and the manifest last: a directory with the manifest is a run, one with nothing
    else is new (`RunDirectory.is_new`).

    Raises:
        UserError: if there is a run in the directory.
    """
    if run.started:
        raise UserError(f"{run.path}: another command started this run meanwhile; name another directory")
    write_json(run.split, {name: records.ids.tolist() for name, records in prepared.splits.items()})
    write_json(run.labels, dataclasses.asdict(prepared.vocabulary))
    save_encoder_state(run.encoder, prepared.encoder_state)
    report = {"training": data.report.as_dict(), "unknown_word_pieces": prepared.unknown_shares}
    write_json(run.data_report, report)
    save_row_hashes(run.rows, prepared.config, prepared.splits)
    _write_cleaned(run, prepared.config, data)
    save_config(run.config, prepared.config)
    run.start()


def load_prepared_data(run: RunDirectory, data: LabelledData) -> PreparedData:
    """Return what `save_prepared_data` wrote, with the rows of the data.

    Rows that were added since are not used; a line says so.

    Raises:
        UserError: if a file of the run is damaged, or labels or rows of the data differ from those that the
            run was started with.
    """
    config, vocabulary = load_config(verified(run.config)), load_task(run).vocabulary
    source = data.report.file
    verified(run.data_report)  # which the report of the finished run will read
    if not vocabulary.same_classes(data.vocabulary):
        raise UserError(f"{source}: its labels changed since {run.path} was started; start a new run")
    rows = {name: row for row, name in enumerate(data.records.ids)}
    split = load_split(run)
    missing = next((name for names in split.values() for name in names if name not in rows), None)
    if missing is not None:
        raise UserError(
            f"{source}: {missing} is gone or broken since {run.path} was started; start a new run"
        )
    splits = {name: data.records.take([rows[each] for each in names]) for name, names in split.items()}
    with of_training(run):
        changed = changed_rows(verified(run.rows), config, splits)
    if changed:
        raise UserError(f"{source}: {changed} changed since {run.path} was started; start a new run")
    if added := len(rows) - sum(map(len, splits.values())):
        print(f"{source}: rows added since {run.path} was started, which are not used: {added:,}", flush=True)
    return PreparedData(config, vocabulary, **splits, encoder_state=load_encoder_state(verified(run.encoder)))


def _write_cleaned(run: RunDirectory, config: Config, data: LabelledData) -> None:
    """Write the tables after cleaning: system 1's train_cleaned.csv and test_cleaned.csv."""
    for path in run.cleaned.values():  # of a command that was stopped here
        path.unlink(missing_ok=True)
    if config.tower.input == "features":
        return
    _write_rows(run.cleaned["train"], config.table, data.records, data.vocabulary)
    # Training needs no rows to predict; and their images, which the table does not show, are not read.
    with suppress(UserError):
        rows, _ = read_test(replace(config, tower=replace(config.tower, name="none")))
        _write_rows(run.cleaned["test"], config.table, rows)


def _write_rows(
    path: Path, names: TableConfig, records: Records, vocabulary: Vocabulary | None = None
) -> None:
    def parts() -> Iterator[pd.DataFrame]:
        for start in range(0, len(records), CHUNK):
            rows = slice(start, start + CHUNK)
            columns = {names.image_column: records.ids[rows].tolist()}
            if vocabulary is not None:
                columns |= vocabulary.columns(records.labels[rows], names)
            yield pd.DataFrame(columns | {names.caption_column: records.captions[rows].tolist()})

    write_csv(path, parts)
