"""From a data folder to checked records: the rows to train on, and the rows to predict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.data.columns import STRING
from kmlc.data.data_report import TableReport
from kmlc.data.image_facts import NO_IMAGE, OUTSIDE
from kmlc.data.image_manifest import image_facts
from kmlc.data.image_paths import image_paths
from kmlc.data.known_labels import KnownLabelReader, KnownLabels
from kmlc.data.known_rows import KnownRows
from kmlc.data.labels import LabelReader
from kmlc.data.readers import read_test_table, read_training_table
from kmlc.data.readers.class_folders import folder_instead_of
from kmlc.data.readers.table import Table
from kmlc.data.records import LabelledData, Records, unknown_labels
from kmlc.errors import UserError
from kmlc.markdown import counted


@dataclass(frozen=True)
class DataFolder:
    """A folder with tables and images, or with class folders.

    Attributes:
        config: the settings.
        path: the folder.
        labels: how the task reads labels.
    """

    config: Config
    path: Path
    labels: LabelReader

    def training_images(self, names: Sequence[str]) -> np.ndarray:
        """Return the files of training images by their names; "" for a name that leads out of the folder."""
        table = self.config.table
        folder = self.path / table.images if (self.path / table.train).is_file() else self.path
        return image_paths(folder, names, self.config.images.anywhere)

    def read_labelled(self) -> LabelledData:
        """Read and check the labelled rows; rows that cannot be trained on are excluded, counted and listed.

        Raises:
            UserError: if a file or column is missing, a label is unknown, or fewer than two rows are left.
        """
        table, config = read_training_table(self.config, self.path)
        ids = table.column(config.table.image_column, "table.image_column")
        report = TableReport(str(table.path), len(table))
        _note_records(report, table, ids, "excluded from training")
        paths, facts = _check_images(config, self.path, ids)
        usable = np.ones(len(table), bool)
        usable[table.unreadable] = False
        usable[_note_problems(report, ids, facts, "excluded from training")] = False
        rows = np.flatnonzero(usable)
        _require_two(table, rows, report)
        targets = self.labels.read_labels(config, self.path, table, rows, report)
        places = _first_of_each(report, ids, targets.rows)
        rows = targets.rows[places]
        _require_two(table, rows, report)
        captions = _captions(config, table, report, rows)
        facts = None if facts is None else facts[rows]
        records = Records(ids[rows], paths[rows], captions, targets.encoded[places], facts=facts)
        _note_same_images(report, records)
        given = config.labels.vocabulary is not None
        return LabelledData(records, targets.vocabulary, report, targets.kind, given).with_own_classes()

    def read_test(self) -> tuple[Records, TableReport]:
        """Read every row to predict, in order; an unreadable image becomes a placeholder image.

        Raises:
            UserError: if a file or column is missing, or the table has no rows.
        """
        return self._records(*read_test_table(self.config, self.path, self.config.table.test))

    def read_known(self, task: KnownLabelReader) -> KnownRows:
        """Read the rows with labels: the test rows if they have any, otherwise those of the training table.

        They are read as rows to predict: an unreadable image becomes a placeholder image.

        Raises:
            UserError: if a file or column is missing, or the table has no rows.
        """
        names = self.config.table
        test, labels = self.path / names.test, self.path / names.test_labels
        if labels.is_file() if test.is_file() else folder_instead_of(test).is_dir():
            table, config = read_test_table(self.config, self.path, names.test)
            records, report = self._records(table, config)
            known = self.read_test_labels(task, records)
            if known is not None:
                return KnownRows.of(records, known, table.columns, report)
        table, config = read_training_table(self.config, self.path)
        records, report = self._records(table, config)
        rows = np.setdiff1d(np.arange(len(table)), table.unreadable)
        known = task.read_known_labels(config, table, rows)
        if known is None:
            raise UserError(f"{table.path}: expected rows with labels; got none")
        known = replace(known, rows=rows[list(known.rows)].tolist())
        return KnownRows.of(records, known, table.columns, report)

    def training_columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the columns of the training table for the rows of these image names.

        Raises:
            UserError: if the table cannot be read, or lacks one of the rows.
        """
        table, config = read_training_table(self.config, self.path)
        ids = table.column(config.table.image_column, "table.image_column").tolist()
        places = {name: place for place, name in reversed([*enumerate(ids)])}
        missing = next((name for name in names if name not in places), None)
        if missing is not None:
            raise UserError(f"{table.path}: {missing} is gone since the run was started")
        rows = [places[name] for name in names]
        return {name: values[rows] for name, values in table.columns.items()}

    def _records(self, table: Table, config: Config) -> tuple[Records, TableReport]:
        """Check the rows of a table that are to be predicted."""
        ids = table.column(config.table.image_column, "table.image_column")
        if not len(ids):
            raise UserError(f"{table.path}: no rows; expected one for each image to predict")
        report = TableReport(str(table.path), len(table), used=len(table))
        _note_records(report, table, ids, "kept without a caption")
        paths, facts = _check_images(config, self.path, ids)
        unusable = _note_problems(report, ids, facts, "replaced by a placeholder image")
        if facts is not None:
            paths[unusable], facts[unusable] = "", NO_IMAGE
        captions = _captions(config, table, report, np.arange(len(table)))
        return Records(ids, paths, captions, unknown_labels(len(table)), facts=facts), report

    def read_test_labels(self, task: KnownLabelReader, records: Records) -> KnownLabels | None:
        """Read the labels of the test rows, of those that have any, or None if the folder has none.

        Raises:
            UserError: if the table of labels is no table or lacks a column.
        """
        names = self.config.table
        file = self.path / names.test_labels
        if (self.path / names.test).is_file() and not file.is_file():
            if file.exists():
                raise UserError(f"{file}: expected a CSV file; it is none")
            return None
        table, config = read_test_table(self.config, self.path, names.test_labels)
        ids = table.column(config.table.image_column, "table.image_column")
        place: dict[str, int] = {}
        for row in sorted(set(range(len(table))) - set(table.unreadable)):
            place.setdefault(ids[row], row)
        listed = [row for row, name in enumerate(records.ids) if name in place]
        if place and not listed:
            first = next(iter(place))
            named = counted(len(place), "row")
            note = f"{table.path} names {named}, none of them in {names.test} (first: {first})"
            return KnownLabels([], unknown_labels(0), [note])
        rows = np.array([place[records.ids[row]] for row in listed], np.int64)
        known = task.read_known_labels(config, table, rows)
        return known and replace(known, rows=[listed[row] for row in known.rows])


def _note_records(report: TableReport, table: Table, ids: np.ndarray, action_for_unreadable: str) -> None:
    report.note("record that is not valid CSV", "repaired", [ids[row] for row in table.repaired])
    report.note("unreadable record", action_for_unreadable, [ids[row] for row in table.unreadable])
    report.findings += table.findings
    for what, names in table.skipped.items():
        report.note(what, "ignored", names)


def _require_two(table: Table, rows: np.ndarray, report: TableReport) -> None:
    if len(rows) < 2:
        raise UserError(
            f"{table.path}: {len(rows)} of {counted(len(table), 'row')} can be trained on, expected 2 or more"
            + "".join(f"; {each.what}: {len(each.rows)}, {each.action}" for each in report.findings)
        )


def _first_of_each(report: TableReport, ids: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the places in `rows` of the first row of each name, in order, and note the others."""
    first = np.sort(np.unique(ids[rows], return_index=True)[1])
    repeated = ids[np.delete(rows, first)].tolist()
    report.note("repeated image name", "first valid row kept, others excluded", repeated)
    return first


def _captions(config: Config, table: Table, report: TableReport, rows: np.ndarray) -> np.ndarray:
    column = table.columns.get(config.table.caption_column)
    if column is None:
        if config.captions.encoder != "none":
            missing = f"no column {config.table.caption_column}"
            report.note("table without captions", "every caption is empty", [missing])
        return np.zeros(len(rows), STRING)
    captions, ids = column[rows], table.columns[config.table.image_column]
    report.note("empty caption", "kept", ids[rows[captions == ""]].tolist())
    return captions


def _check_images(config: Config, folder: Path, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return each row's image file, and what is known of it; nothing is checked if no image is used."""
    if config.tower.input != "image":
        return np.zeros(len(ids), STRING), None
    images = folder / config.table.images
    if not images.is_dir():
        raise UserError(f"{images}: no such folder; expected the images (table.images names it)")
    paths = image_paths(images, ids, config.images.anywhere)
    facts = image_facts(paths, config)
    facts["problem"][paths == ""] = OUTSIDE
    return paths, facts


def _note_problems(report: TableReport, ids: np.ndarray, facts: np.ndarray | None, action: str) -> np.ndarray:
    """Note the images that cannot be used, by their problem; return their rows."""
    if facts is None:
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(facts["problem"] != None)  # noqa: E711 - of each row
    problems = facts["problem"][rows]
    for problem in dict.fromkeys(problems):
        hint = "; --images.anywhere true reads them" if problem == OUTSIDE else ""
        report.note(f"image {problem}", action + hint, ids[rows[problems == problem]].tolist())
    return rows


def _note_same_images(report: TableReport, records: Records) -> None:
    _, first = np.unique(records.groups, return_index=True)
    others = np.setdiff1d(np.arange(len(records)), first)
    report.note("same picture as in an earlier row", "kept, in the same split", records.ids[others].tolist())
