"""Reads the labels of a hierarchy: a column of superclasses and a column of subclasses, one label in a cell.

Some rows have no known class: their class is the one that the tables of names call novel, or one that is held
out of training. Such a class is not in the vocabulary, and the labels of its rows are zero at its level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kmlc.config import Config, LabelKind
from kmlc.data.data_report import TableReport
from kmlc.data.label_names import read_names
from kmlc.data.labels import Targets, parse_labels
from kmlc.data.readers.table import Table
from kmlc.errors import UserError
from kmlc.tasks.hierarchy.classes import Hierarchy
from kmlc.tasks.hierarchy.held_out import held_out
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary

# No cell contains this character, so a whole cell is one label, spaces included.
_NO_DELIMITER = "\0"


class _Column(NamedTuple):
    """A label column.

    Attributes:
        name: its name.
        labels: the label of each row, "" if it has no valid one.
        order: every label once, in the order of the classes.
        kind: integer or name.
    """

    name: str
    labels: list[str]
    order: Sequence[str]
    kind: LabelKind


def read_labels(config: Config, folder: Path, table: Table, report: TableReport) -> Targets:
    """Read both label columns, find the hierarchy, and hold out the classes that the settings name.

    Rows without a valid label at both levels are excluded.

    Args:
        config: `table`, `labels`, `hierarchy`, and the seed that draws the classes to hold out.
        folder: the data folder, for the tables of names.
        table: the labelled rows.
        report: receives the findings.

    Raises:
        UserError: if a column is missing, a subclass has two superclasses, or the classes to hold out are
            missing or too many.

    Example:
        read_labels(config, folder, table, report).vocabulary.display()
    """
    if config.labels.vocabulary is not None:
        raise UserError("labels.vocabulary: expected null with table.superclass_column; got a list")
    columns = _read_columns(config, table)
    names = [
        read_names(folder / file, config.labels)
        for file in (config.labels.superclass_names, config.labels.names)
    ]
    novel = [_label_named(config.hierarchy.novel, each) for each in names]
    hierarchy = _find_hierarchy(table, columns, novel)
    out = held_out(hierarchy, config.hierarchy, config.seed)
    vocabulary = _vocabulary(config, hierarchy, out, names, novel)
    encoded = vocabulary.encode(zip(*(column.labels for column in columns), strict=True))
    excluded = _note(config, table, report, columns, vocabulary.validation_only(encoded))
    kinds = {column.kind for column in columns}
    return Targets(vocabulary, encoded, excluded, kinds.pop() if len(kinds) == 1 else "auto")


def read_known_labels(
    config: Config, vocabulary: HierarchyVocabulary, table: Table, rows: Sequence[int]
) -> np.ndarray | None:
    """Return the labels of the given rows, uint8 (rows, S + K); None if they come from class folders.

    Raises:
        UserError: if the table lacks a column.

    Example:
        labels = read_known_labels(config, vocabulary, table, range(len(table)))
    """
    if not table.path.is_file():
        return None
    columns = _read_columns(config, table)
    return vocabulary.encode([[column.labels[row] for column in columns] for row in rows])


def _read_columns(config: Config, table: Table) -> list[_Column]:
    """Return the columns of the superclasses and of the subclasses."""
    settings = replace(config.labels, delimiter=_NO_DELIMITER)
    columns = []
    for key in ("superclass_column", "label_column"):
        name = getattr(config.table, key)
        parsed = parse_labels(table.column(name, f"table.{key}"), settings)
        columns.append(_Column(name, ["".join(row) for row in parsed.rows], parsed.vocabulary, parsed.kind))
    return columns


def _label_named(name: str, names: Mapping[str, str]) -> str:
    """Return the label with the given name, or the name itself if no label has it."""
    return next((label for label, each in names.items() if each == name), name)


def _find_hierarchy(table: Table, columns: Sequence[_Column], novel: Sequence[str]) -> Hierarchy:
    """Find the hierarchy in the rows that have a label of a known class at both levels."""
    pairs = [
        pair
        for pair in zip(*(column.labels for column in columns), strict=True)
        if "" not in pair and pair[0] != novel[0] and pair[1] != novel[1]
    ]
    if not pairs:
        names = " and ".join(column.name for column in columns)
        raise UserError(f"{table.path}: no row with a label of a known class in {names}")
    superclasses, subclasses = (
        tuple(label for label in column.order if label in seen)
        for column, seen in zip(columns, map(set, zip(*pairs, strict=True)), strict=True)
    )
    places = [{label: place for place, label in enumerate(level)} for level in (superclasses, subclasses)]
    rows = np.array([(places[0][parent], places[1][child]) for parent, child in pairs])
    try:
        return Hierarchy.from_rows(superclasses, subclasses, rows)
    except UserError as error:
        raise UserError(f"{table.path}: {error}") from None


def _vocabulary(
    config: Config,
    hierarchy: Hierarchy,
    out: np.ndarray,
    names: Sequence[Mapping[str, str]],
    novel: Sequence[str],
) -> HierarchyVocabulary:
    """Return the vocabulary of the classes that are not held out."""
    labels = (*hierarchy.superclasses, *hierarchy.subclasses)
    named = [names[0].get(label, label) for label in hierarchy.superclasses]
    named += [names[1].get(label, label) for label in hierarchy.subclasses]
    kept = np.flatnonzero(~out)
    superclasses, subclasses = hierarchy.levels(~out[None])
    parents = np.array(hierarchy.parents)
    place = np.cumsum(superclasses) - 1
    # The subclasses of a held-out superclass are not listed.
    listed = out & np.concatenate([np.ones_like(superclasses[0]), superclasses[0][parents]])
    return HierarchyVocabulary(
        tuple(labels[index] for index in kept),
        tuple(named[index] for index in kept),
        config.labels.delimiter,
        tuple(place[parents[subclasses[0]]].tolist()),
        tuple(novel),
        tuple(named[index] for index in np.flatnonzero(listed)),
    )


def _note(
    config: Config, table: Table, report: TableReport, columns: Sequence[_Column], novel: np.ndarray
) -> set[int]:
    """Note the rows without a valid label and those without a known class; return the former."""
    ids = table.columns[config.table.image_column]
    excluded: set[int] = set()
    for column in columns:
        rows = [row for row, label in enumerate(column.labels) if not label]
        cells = [table.columns[column.name][row] or "empty" for row in rows]
        what = f"row without a label in {column.name}"
        entries = [f"{ids[row]}: {cell}" for row, cell in zip(rows, cells, strict=True)]
        report.note(what, "excluded from training", entries)
        excluded |= set(rows)
    unknown = [ids[row] for row in np.flatnonzero(novel) if row not in excluded]
    report.note("row of a novel or held-out class", "not trained on, joins the validation rows", unknown)
    return excluded
