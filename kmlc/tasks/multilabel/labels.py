"""Reads a label column with any number of labels in a cell."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.label_names import read_names
from kmlc.data.labels import ParsedLabels, Targets, Vocabulary, check_labels, parse_labels
from kmlc.data.readers.table import Table
from kmlc.errors import UserError


def read_labels(config: Config, folder: Path, table: Table, rows: np.ndarray, report: TableReport) -> Targets:
    """Read the label column; rows whose entries are all invalid or unknown are excluded.

    Args:
        config: `table` and `labels`.
        folder: the data folder, for the table of names.
        table: the labelled rows.
        rows: those of them to read.
        report: receives the findings.

    Raises:
        UserError: if the column is missing, a label is unknown and `labels.unknown` is error, or the labels
            of a given vocabulary cannot be delimited.

    Example:
        read_labels(config, folder, table, np.arange(len(table)), report).vocabulary.labels
    """
    cells = table.column(config.table.label_column, "table.label_column")
    parsed = parse_labels(cells[rows], config.labels)
    if config.labels.vocabulary == []:
        raise UserError("labels.vocabulary: expected one label or more, or null; got an empty list")
    check_labels(parsed.vocabulary, config.labels.delimiter, "labels.vocabulary")
    ids = table.columns[config.table.image_column][rows]
    if parsed.unknown and config.labels.unknown == "error":
        place, label = parsed.unknown[0]
        raise UserError(
            f"{table.path}: row {rows[place] + 1} ({ids[place]}): label {label!r} is not in the vocabulary "
            f"({', '.join(parsed.vocabulary)}); --labels.unknown drop ignores such labels"
        )
    names = read_names(folder / config.labels.names, config.labels, parsed.kind)
    vocabulary = Vocabulary(
        parsed.vocabulary,
        tuple(names.get(label, label) for label in parsed.vocabulary),
        config.labels.delimiter,
    )
    excluded = _note(report, ids, parsed)
    kept = np.delete(np.arange(len(rows)), excluded)
    encoded = vocabulary.encode(parsed.rows[place] for place in kept)
    return Targets(vocabulary, rows[kept], encoded, parsed.kind)


def read_known_labels(
    config: Config, vocabulary: Vocabulary, table: Table, rows: np.ndarray
) -> KnownLabels | None:
    """Return the labels of the given rows; None if they are images of which none is in a class folder.

    Raises:
        UserError: if the table lacks the column.

    Example:
        known = read_known_labels(config, vocabulary, table, np.arange(len(table)))
    """
    cells = table.column(config.table.label_column, "table.label_column")
    if table.path.is_dir() and not any(cells):
        return None
    labels = replace(config.labels, vocabulary=list(vocabulary.labels))
    parsed = parse_labels(cells[rows], labels)
    for place, label in sorted(parsed.invalid + parsed.unknown):
        parsed.rows[place] += (label,)
    return KnownLabels.of_rows(parsed.rows, vocabulary)


def _note(report: TableReport, ids: np.ndarray, parsed: ParsedLabels) -> list[int]:
    """Note what is wrong with labels; return the rows that have none left because of it."""
    bad = parsed.invalid + parsed.unknown
    report.note(
        "entry that is no label", "ignored", [f"{ids[row]}: {entry}" for row, entry in parsed.invalid]
    )
    report.note("unknown label", "ignored", [f"{ids[row]}: {label}" for row, label in parsed.unknown])
    unlabelled = sorted({row for row, _ in bad if not parsed.rows[row]})
    report.note("row with no valid label", "excluded from training", [ids[row] for row in unlabelled])
    blank = sorted({row for row, labels in enumerate(parsed.rows) if not labels} - set(unlabelled))
    report.note("row with an empty label cell", "kept, with no label", [ids[row] for row in blank])
    return unlabelled
