"""The rows that a finished run is evaluated on: those of its own splits, or of any data with labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kmlc.config import Config
from kmlc.data.columns import filled
from kmlc.data.known_rows import KnownRows
from kmlc.data.records import Records
from kmlc.errors import UserError
from kmlc.markdown import counted
from kmlc.prediction.predictor import load_predictor
from kmlc.settings import checked, load_config
from kmlc.tasks.comparison import matched
from kmlc.tasks.evaluation import EvaluatedRows
from kmlc.tasks.rows import read_known, training_columns
from kmlc.tasks.slices import Slice, by_column, by_label_count, by_presence
from kmlc.training.manifest import verified
from kmlc.training.row_hashes import rows_of_splits
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_files import (
    evaluated_splits,
    load_evaluated,
    load_split,
    load_task,
    load_thresholds,
    of_training,
)

_OPTIMISTIC = {
    "training": "the run was trained on these rows: the metrics are much better than on new ones",
    "validation": "thresholds and the best epoch were chosen on these rows: the metrics are optimistic",
}
"""What is true of the metrics on the rows of a split."""


@dataclass(frozen=True)
class EvaluationData:
    """What a run is evaluated on.

    Attributes:
        rows: the rows, with labels and logits.
        source: where they are from, for display.
        notes: what the reader of the metrics must know of them, a line each.
        columns: the columns of their table to slice by, by name, strings of shape (rows,).
        present: which rows have a caption, and which an image, bool (rows,), by the name of either.
    """

    rows: EvaluatedRows
    source: str
    notes: Sequence[str]
    columns: Mapping[str, np.ndarray]
    present: Mapping[str, np.ndarray]

    def take(self, rows: np.ndarray) -> "EvaluationData":
        """Return the given rows, in the given order."""
        columns, present = (
            {name: values[rows] for name, values in each.items()} for each in (self.columns, self.present)
        )
        return replace(self, rows=self.rows.take(rows), columns=columns, present=present)

    @property
    def slices(self) -> list[Slice]:
        """The rows by presence of captions and images, by number of labels, and by columns."""
        found = [each for what, present in self.present.items() for each in by_presence(what, present)]
        found += by_label_count(self.rows.labels)
        return found + [each for name, cells in self.columns.items() for each in by_column(name, cells)]


def evaluation_data(
    run: RunDirectory,
    split: str | None,
    data: str | None,
    trained_on: bool = False,
    columns: Sequence[str] = (),
) -> EvaluationData:
    """Return the rows to evaluate a finished run on.

    Args:
        run: the run.
        split: the split whose logits to use; None, without `data`, is test if the run has it, else
            validation.
        data: a data folder or a file of feature vectors, whose labelled rows are predicted; None for a split.
        trained_on: whether to keep rows of `data` that the run was trained on.
        columns: names of the columns of the table to slice by.

    Raises:
        UserError: if the run has no such split, the data cannot be read, there is no such column, or no row
            is left.

    Example:
        evaluation_data(existing_run(Path("runs/mine")), split="test", data=None).rows.metrics
    """
    if data is None:
        return _of_split(run, split, columns)
    return _of_data(run, data, trained_on, columns)


def paired_data(
    run: RunDirectory, other: RunDirectory, split: str | None, data: str | None, trained_on: bool = False
) -> tuple[EvaluationData, EvaluatedRows]:
    """Return the rows that two runs are evaluated on, of the first run with notes, and of the second.

    Args:
        run: the first run.
        other: the second run.
        split: as in `evaluation_data`; None, without `data`, is test if both runs have it.
        data: as in `evaluation_data`.
        trained_on: as in `evaluation_data`.

    Raises:
        UserError: as `evaluation_data`; if the runs have different labels, or no row in common.

    Example:
        one, other = paired_data(run, other_run, split="test", data=None)
    """
    if split is None and data is None:
        split = "test" if all("test" in evaluated_splits(each) for each in (run, other)) else "validation"
    both = [evaluation_data(each, split, data, trained_on) for each in (run, other)]
    places = matched(both[0].rows, both[1].rows, (str(run.path), str(other.path)))
    shared = [note for note in both[0].notes if note in both[1].notes]
    own = zip("AB", both, strict=True)
    notes = shared + [f"{name}: {note}" for name, each in own for note in each.notes if note not in shared]
    alone = [len(each.rows) - len(places[0]) for each in both]
    if any(alone):
        notes.append(f"not compared, as only one run has them: {alone[0]:,} rows of A, {alone[1]:,} of B")
    return replace(both[0].take(places[0]), notes=notes), both[1].rows.take(places[1])


def _of_split(run: RunDirectory, name: str | None, columns: Sequence[str]) -> EvaluationData:
    found = evaluated_splits(run)
    if name is None:
        name = "test" if "test" in found else "validation"
    elif name not in found:
        hint = "; --train.evaluate_training true keeps those of training" if name == "training" else ""
        raise UserError(f"--split {name}: expected one that {run.path} has, {' or '.join(found)}{hint}")
    task = load_task(run)
    labels, logits = load_evaluated(run, task, name)
    ids, notes = load_split(run)[name], [_OPTIMISTIC[name]] if name in _OPTIMISTIC else []
    config = load_config(verified(run.config))
    try:
        table = training_columns(config, ids)
    except UserError as error:  # the data of the run is no longer there
        if columns:
            raise
        table = {}
        if config.captions.encoder != "none":
            notes.append(f"no slices by caption: {error}")
    present = {}
    if config.captions.encoder != "none" and config.table.caption_column in table:
        present["caption"] = filled(table[config.table.caption_column])
    rows = EvaluatedRows(task, load_thresholds(run, task), np.array(ids), labels, logits)
    source = f"the {name} rows of {run.path}"
    return EvaluationData(rows, source, notes, _chosen(table, columns), present)


def _of_data(run: RunDirectory, data: str, trained_on: bool, columns: Sequence[str]) -> EvaluationData:
    predictor = load_predictor([run.path])
    config = checked(replace(predictor.config, data=data))
    known = read_known(config, predictor.task)
    print(known.report.summary())
    predictor.check_features(known.records, known.report.file)
    if not len(known.records):
        raise UserError("; ".join([f"{known.report.file}: expected rows with labels", *known.notes]))
    _chosen(known.columns, columns)  # raises
    kept, notes = _kept_rows(run, predictor.config, known, trained_on)
    records = kept.records
    predictor.note_ignored_captions(records)
    print(f"Predicting {counted(len(records), 'row')} with {run.path}", flush=True)
    logits = predictor.logits(records)
    rows = EvaluatedRows(predictor.task, predictor.thresholds, records.ids, kept.known.encoded, logits)
    chosen = _chosen(kept.columns, columns)
    return EvaluationData(rows, kept.report.file, notes, chosen, _present(config, records))


def _chosen(table: Mapping[str, np.ndarray], columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the columns to slice by."""
    missing = next((name for name in columns if name not in table), None)
    if missing is not None:
        found = ", ".join(table) or "none, as feature vectors have no table"
        raise UserError(f"--slice {missing}: expected a column of the rows; there are {found}")
    return {name: table[name] for name in columns}


def _kept_rows(
    run: RunDirectory, config: Config, known: KnownRows, trained_on: bool
) -> tuple[KnownRows, list[str]]:
    """Return the rows to evaluate on, and what to know of them."""
    with of_training(run):
        seen = rows_of_splits(verified(run.rows), config, load_split(run), known.records)
    notes, kept = [], np.arange(len(known.records))
    if seen["training"].any():
        effect = "kept: the metrics are too good" if trained_on else "excluded (--trained-on keeps them)"
        notes.append(f"rows that the run was trained on: {seen['training'].sum():,}, {effect}")
        kept = kept if trained_on else np.flatnonzero(~seen["training"])
    if not len(kept):
        raise UserError(
            f"{known.report.file}: expected rows that {run.path} was not trained on; got none "
            "(--trained-on keeps the others)"
        )
    if count := seen["validation"][kept].sum():
        notes.append(f"validation rows of the run, which chose its thresholds and best epoch: {count:,}")
    rows = known.take(kept)
    return rows, [*rows.notes, *notes]


def _present(config: Config, records: Records) -> dict[str, np.ndarray]:
    """Return which rows have what the run reads."""
    present: dict[str, np.ndarray] = {}
    if config.captions.encoder != "none":
        present["caption"] = filled(records.captions)
    if config.tower.input == "image":
        present["image"] = records.images != ""
    return present
