"""Reads a label column with any number of labels in a cell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kmlc.config import Config
from kmlc.data.data_report import TableReport
from kmlc.data.label_names import read_names
from kmlc.data.labels import ParsedLabels, Targets, Vocabulary, parse_labels
from kmlc.data.readers.table import Table
from kmlc.errors import UserError


def read_labels(config: Config, folder: Path, table: Table, report: TableReport) -> Targets:
    """Read the label column; rows whose entries are all invalid or unknown are excluded.

    Args:
        config: `table` and `labels`.
        folder: the data folder, for the table of names.
        table: the labelled rows.
        report: receives the findings.

    Raises:
        UserError: if the column is missing, or a label is unknown and `labels.unknown` is error.

    Example:
        read_labels(config, folder, table, report).vocabulary.labels
    """
    parsed = parse_labels(table.column(config.table.label_column, "table.label_column"), config.labels)
    ids = table.columns[config.table.image_column]
    if parsed.unknown and config.labels.unknown == "error":
        row, label = parsed.unknown[0]
        raise UserError(
            f"{table.path}: row {row + 1} ({ids[row]}): label {label!r} is not in the vocabulary "
            f"({', '.join(parsed.vocabulary)}); --labels.unknown drop ignores such labels"
        )
    names = read_names(folder / config.labels.names, config.labels)
    vocabulary = Vocabulary(
        parsed.vocabulary,
        tuple(names.get(label, label) for label in parsed.vocabulary),
        config.labels.delimiter,
    )
    excluded = _note(report, table, ids, parsed)
    return Targets(vocabulary, vocabulary.encode(parsed.rows), excluded, parsed.kind)


def read_known_labels(
    config: Config, vocabulary: Vocabulary, table: Table, rows: Sequence[int]
) -> np.ndarray | None:
    """Return the labels of the given rows, uint8 (rows, classes); None if no row has a known label.

    Raises:
        UserError: if the table lacks the column.

    Example:
        labels = read_known_labels(config, vocabulary, table, range(len(table)))
    """
    cells = table.column(config.table.label_column, "table.label_column")
    known = set(vocabulary.labels)
    parsed = parse_labels([cells[row] for row in rows], config.labels)
    labels = [[label for label in row if label in known] for row in parsed.rows]
    return vocabulary.encode(labels) if any(labels) else None


def _note(report: TableReport, table: Table, ids: Sequence[str], parsed: ParsedLabels) -> set[int]:
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
