"""From a data folder to checked records: the rows to train on, and the rows to predict."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.data.feature_rows import feature_labels, features_to_predict, labelled_features
from kmlc.data.hierarchy import read_hierarchy, read_hierarchy_labels
from kmlc.data.images import find_problems
from kmlc.data.labels import ParsedLabels, Targets, Vocabulary, parse_labels
from kmlc.data.names import read_names
from kmlc.data.readers import read_test_table, read_training_table
from kmlc.data.readers.table import Table
from kmlc.data.records import LabelledData, Records, unknown_labels
from kmlc.data.report import TableReport
from kmlc.errors import UserError
from kmlc.sample import sample_folder
from kmlc.sample.hierarchy import hierarchy_sample_folder


def data_folder(config: Config) -> Path:
    """Return the data folder, that of the built-in sample if none is given.

    Raises:
        UserError: if there is no such folder.
    """
    if config.data is None:
        return sample_folder() if config.table.superclass_column is None else hierarchy_sample_folder()
    folder = Path(config.data)
    if not folder.is_dir():
        raise UserError(
            f"--data {folder}: no such folder; expected one with {config.table.train} or class folders"
        )
    return folder


def image_folder(config: Config) -> Path:
    """Return the folder that the names of the training images start at."""
    folder = data_folder(config)
    return folder / config.table.images if (folder / config.table.train).is_file() else folder


def read_labelled(config: Config) -> LabelledData:
    """Read and check the labelled rows; what cannot be trained on is left out, counted and listed.

    Raises:
        UserError: if a file or column is not there, a label is unknown, or no row is left.
    """
    if config.tower.input == "features":
        return labelled_features(config)
    folder = data_folder(config)
    table, config = read_training_table(config, folder)
    ids = table.column(config.table.image_column, "table.image_column")
    report = TableReport(str(table.path), len(table))
    _note_records(report, table, ids, "excluded from training")
    read = _read_multilabel if config.table.superclass_column is None else read_hierarchy
    targets = read(config, folder, table, report)
    excluded = targets.excluded | set(table.unreadable) | _note_duplicates(report, ids)
    paths, problems = _check_images(config, folder, ids)
    for problem, rows in _by_problem(problems).items():
        report.note(f"image {problem}", "excluded from training", [ids[row] for row in rows])
        excluded |= set(rows)
    kept = [row for row in range(len(table)) if row not in excluded]
    if len(kept) < 2:
        raise UserError(
            f"{table.path}: {len(kept)} of {len(table)} rows can be trained on, expected 2 or more"
            + "".join(f"; {each.what}: {len(each.rows)}" for each in report.findings)
        )
    captions = _captions(config, table, report, kept)
    labels = targets.encoded[kept]
    report.used = len(kept)
    report.label_counts = dict(zip(targets.vocabulary.display(), labels.sum(axis=0).tolist(), strict=True))
    records = Records([ids[row] for row in kept], [paths[row] for row in kept], captions, labels)
    return LabelledData(records, targets.vocabulary, report)


def read_test(config: Config) -> tuple[Records, TableReport]:
    """Read the rows to predict, every one of them and in order; an unreadable image becomes a placeholder.

    Raises:
        UserError: if a file or column is not there, or the table has no rows.
    """
    if config.tower.input == "features":
        return features_to_predict(config)
    folder = data_folder(config)
    table, config = read_test_table(config, folder, config.table.test)
    ids = table.column(config.table.image_column, "table.image_column")
    if not ids:
        raise UserError(f"{table.path}: no rows; expected one for each image to predict")
    report = TableReport(str(table.path), len(table), used=len(table))
    _note_records(report, table, ids, "kept without a caption")
    paths, problems = _check_images(config, folder, ids)
    for problem, rows in _by_problem(problems).items():
        report.note(f"image {problem}", "replaced by a placeholder image", [ids[row] for row in rows])
        for row in rows:
            paths[row] = ""
    captions = _captions(config, table, report, range(len(table)))
    return Records(list(ids), paths, captions, unknown_labels(len(table))), report


def read_test_labels(config: Config, vocabulary: Vocabulary, records: Records) -> np.ndarray | None:
    """Read the labels of the test rows, uint8 (rows, classes), or None where the data has none for them.

    Example:
        labels = read_test_labels(config, vocabulary, records)
    """
    if config.tower.input == "features":
        return feature_labels(config, vocabulary)
    folder = data_folder(config)
    if (folder / config.table.test).is_file() and not (folder / config.table.test_labels).is_file():
        return None
    table, config = read_test_table(config, folder, config.table.test_labels)
    if vocabulary.parents:
        # Class folders are no hierarchy.
        return read_hierarchy_labels(config, table, vocabulary, records.ids) if table.path.is_file() else None
    cells = dict(
        zip(
            table.column(config.table.image_column, "table.image_column"),
            table.column(config.table.label_column, "table.label_column"),
            strict=True,
        )
    )
    if not set(records.ids) <= set(cells):
        return None
    known = set(vocabulary.labels)
    parsed = parse_labels([cells[each] for each in records.ids], config.labels)
    rows = [[label for label in row if label in known] for row in parsed.rows]
    return vocabulary.encode(rows) if any(rows) else None


def _read_multilabel(config: Config, folder: Path, table: Table, report: TableReport) -> Targets:
    """Read the label column; a row all of whose entries are no labels is left out."""
    parsed = parse_labels(table.column(config.table.label_column, "table.label_column"), config.labels)
    ids = table.columns[config.table.image_column]
    if parsed.unknown and config.labels.unknown == "error":
        row, label = parsed.unknown[0]
        raise UserError(
            f"{table.path}: row {row + 1} ({ids[row]}): label {label!r} is not in the vocabulary "
            f"({', '.join(parsed.vocabulary)}); --labels.unknown drop sets such labels aside"
        )
    names = read_names(folder / config.labels.names, config.labels)
    vocabulary = Vocabulary(
        parsed.vocabulary,
        tuple(names.get(label, label) for label in parsed.vocabulary),
        config.labels.delimiter,
    )
    return Targets(vocabulary, vocabulary.encode(parsed.rows), _note_labels(report, table, ids, parsed))


def _note_labels(report: TableReport, table: Table, ids: Sequence[str], parsed: ParsedLabels) -> set[int]:
    """Note what is wrong with labels; return the rows that have none left because of it."""
    bad = parsed.invalid + parsed.unknown
    report.note(
        "entry that is no label", "ignored", [f"{ids[row]}: {entry}" for row, entry in parsed.invalid]
    )
    report.note("unknown label", "ignored", [f"{ids[row]}: {label}" for row, label in parsed.unknown])
    unlabelled = sorted({row for row, _ in bad if not parsed.rows[row]})
    report.note("row with no valid label", "excluded from training", [ids[row] for row in unlabelled])
    blank = [row for row, labels in enumerate(parsed.rows) if not labels]
    blank = sorted(set(blank) - set(unlabelled) - set(table.unreadable))
    report.note("row with an empty label cell", "kept, with no label", [ids[row] for row in blank])
    return set(unlabelled)


def _note_records(report: TableReport, table: Table, ids: Sequence[str], rule_for_unreadable: str) -> None:
    report.note("record that is not valid CSV", "repaired", [ids[row] for row in table.repaired])
    report.note("unreadable record", rule_for_unreadable, [ids[row] for row in table.unreadable])
    for what, names in table.skipped.items():
        report.note(what, "ignored", names)


def _note_duplicates(report: TableReport, ids: Sequence[str]) -> set[int]:
    first: dict[str, int] = {}
    repeated = [row for row, name in enumerate(ids) if first.setdefault(name, row) != row]
    report.note("repeated image name", "first row kept, others left out", [ids[row] for row in repeated])
    return set(repeated)


def _captions(config: Config, table: Table, report: TableReport, rows: Sequence[int]) -> list[str]:
    column = table.columns.get(config.table.caption_column)
    if column is None:
        if config.captions.encoder != "none":
            missing = f"no column {config.table.caption_column}"
            report.note("table without captions", "every caption is empty", [missing])
        return [""] * len(rows)
    ids = table.columns[config.table.image_column]
    report.note("empty caption", "kept", [ids[row] for row in rows if not column[row]])
    return [column[row] for row in rows]


def _check_images(config: Config, folder: Path, ids: Sequence[str]) -> tuple[list[str], list[str | None]]:
    """Return each row's image file, and what is wrong with it; nothing is checked if no image is used."""
    if config.tower.input != "image":
        return [""] * len(ids), [None] * len(ids)
    images = folder / config.table.images
    if not images.is_dir():
        raise UserError(f"{images}: no such folder; expected the images (name yours with --table.images)")
    paths = [str(images / name) for name in ids]
    return paths, find_problems(paths, config.images.max_pixels)


def _by_problem(problems: Sequence[str | None]) -> dict[str, list[int]]:
    """Return the rows of each problem."""
    found: dict[str, list[int]] = {}
    for row, problem in enumerate(problems):
        if problem is not None:
            found.setdefault(problem, []).append(row)
    return found
