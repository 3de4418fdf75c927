"""Reads the labels of a hierarchy: a column of superclasses and a column of subclasses, one label in a cell.

Some rows have no known class: their class is the one that the tables of names call novel, or one that is held
out of training. Such a class is not in the vocabulary, and the labels of its rows are zero at its level.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kmlc.config import Config, LabelKind
from kmlc.data.data_report import TableReport
from kmlc.data.known_labels import KnownLabels
from kmlc.data.label_names import read_names
from kmlc.data.labels import Targets, canonical, kind_of
from kmlc.data.readers.table import Table
from kmlc.errors import UserError
from kmlc.tasks.hierarchy.classes import Hierarchy
from kmlc.tasks.hierarchy.held_out import held_out
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary


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


def read_labels(config: Config, folder: Path, table: Table, rows: np.ndarray, report: TableReport) -> Targets:
    """Read both label columns, find the hierarchy, and hold out the classes that the settings name.

    Rows without a valid label at both levels are excluded, and those whose subclass has another superclass in
    most of its rows.

    Args:
        config: `table`, `labels`, `hierarchy`, and the seed that draws the classes to hold out.
        folder: the data folder, for the tables of names.
        table: the labelled rows.
        rows: those of them to read.
        report: receives the findings.

    Raises:
        UserError: if a column is missing, no row has a known class, or the classes to hold out are missing or
            too many.

    Example:
        read_labels(config, folder, table, np.arange(len(table)), report).vocabulary.display()
    """
    if config.labels.vocabulary is not None:
        raise UserError("labels.vocabulary: expected null with table.superclass_column; got a list")
    columns = _read_columns(config, table, rows)
    names = [
        read_names(folder / file, config.labels, column.kind)
        for file, column in zip((config.labels.superclass_names, config.labels.names), columns, strict=True)
    ]
    novel = [_label_named(config.hierarchy.novel, each) for each in names]
    pairs = list(zip(*(column.labels for column in columns), strict=True))
    excluded = _note_unlabelled(config, table, rows, report, columns)
    excluded |= _note_contradictory(config, table, rows, report, pairs, novel)
    kept = np.delete(np.arange(len(rows)), sorted(excluded))
    pairs = [pairs[place] for place in kept]
    hierarchy = _find_hierarchy(table, columns, pairs, novel)
    out = held_out(hierarchy, config.hierarchy, config.seed)
    vocabulary = _vocabulary(config, hierarchy, out, names, novel)
    encoded = vocabulary.encode(pairs)
    rows = rows[kept]
    unknown = table.columns[config.table.image_column][rows[vocabulary.validation_only(encoded)]].tolist()
    report.note("row of a novel or held-out class", "not trained on, joins the validation rows", unknown)
    kinds = {column.kind for column in columns}
    return Targets(vocabulary, rows, encoded, kinds.pop() if len(kinds) == 1 else "auto")


def read_known_labels(
    config: Config, vocabulary: HierarchyVocabulary, table: Table, rows: np.ndarray
) -> KnownLabels | None:
    """Return the labels of the given rows; None if they come from class folders.

    A row is novel at a level if its label there is that of the novel class, or of a class held out of
    training. One with an empty or any other label has no labels.

    Raises:
        UserError: if the table lacks a column.

    Example:
        known = read_known_labels(config, vocabulary, table, np.arange(len(table)))
    """
    if not table.path.is_file():
        return None
    columns = _read_columns(config, table, rows, vocabulary.levels(vocabulary.labels))
    pairs = list(zip(*(column.labels for column in columns), strict=True))
    known = [place for place, pair in enumerate(pairs) if vocabulary.has(pair)]
    others = [place for place, pair in enumerate(pairs) if not vocabulary.has(pair)]
    notes = []
    if others:
        cells = ",".join(table.columns[column.name][rows[others[0]]] for column in columns)
        notes = [f"rows not scored, with a label unknown to the run: {len(others):,} (first: {cells})"]
    return KnownLabels(known, vocabulary.encode(pairs[place] for place in known), notes)


def _read_columns(
    config: Config, table: Table, rows: np.ndarray, known: Sequence[Sequence[str]] = ((), ())
) -> list[_Column]:
    """Return the columns of the superclasses and of the subclasses; a whole cell is one label.

    If labels of a level are known, their kind is that of the column.
    """
    columns = []
    for key, labels_of_level in zip(("superclass_column", "label_column"), known, strict=True):
        name = getattr(config.table, key)
        column = table.column(name, f"table.{key}")
        cells = Counter(column[rows])
        filled = {cell: count for cell, count in cells.items() if cell}
        kind = kind_of(labels_of_level or filled, config.labels)
        label_of = {cell: canonical(cell, kind) or "" for cell in cells}
        labels = [label_of[cell] for cell in column[rows]]
        order = sorted({*labels} - {""}, key=int if kind == "integer" else None)
        columns.append(_Column(name, labels, order, kind))
    return columns


def _label_named(name: str, names: Mapping[str, str]) -> str:
    """Return the label with the given name, or the name itself if no label has it."""
    return next((label for label, each in names.items() if each == name), name)


def _find_hierarchy(
    table: Table, columns: Sequence[_Column], pairs: Sequence[tuple[str, ...]], novel: Sequence[str]
) -> Hierarchy:
    """Find the hierarchy in the rows that have a label of a known class at both levels."""
    pairs = [pair for pair in pairs if _known(pair, novel)]
    if not pairs:
        names = " and ".join(column.name for column in columns)
        raise UserError(f"{table.path}: no row with a label of a known class in {names}")
    superclasses, subclasses = (
        tuple(label for label in column.order if label in seen)
        for column, seen in zip(columns, map(set, zip(*pairs, strict=True)), strict=True)
    )
    places = [{label: place for place, label in enumerate(level)} for level in (superclasses, subclasses)]
    rows = np.array([(places[0][parent], places[1][child]) for parent, child in pairs])
    return Hierarchy.from_rows(superclasses, subclasses, rows)


def _known(pair: Sequence[str], novel: Sequence[str]) -> bool:
    """Return whether a superclass and a subclass are both labels of known classes."""
    return "" not in pair and pair[0] != novel[0] and pair[1] != novel[1]


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
    superclasses, subclasses = (np.flatnonzero(level[0]) for level in hierarchy.levels(out[None]))
    first = len(hierarchy.superclasses)
    # The subclasses of a held-out superclass are not listed.
    listed = [first + index for index in subclasses if hierarchy.parents[index] not in superclasses]
    every = HierarchyVocabulary(
        labels,
        tuple(named),
        config.labels.delimiter,
        hierarchy.parents,
        tuple(novel),
        tuple(named[index] for index in (*superclasses, *listed)),
        tuple(labels[index] for index in superclasses),
        tuple(labels[first + index] for index in subclasses),
    )
    return every.select(~out)


def _note_unlabelled(
    config: Config, table: Table, rows: np.ndarray, report: TableReport, columns: Sequence[_Column]
) -> set[int]:
    """Note the rows without a valid label at a level, and return their places."""
    ids = table.columns[config.table.image_column]
    excluded: set[int] = set()
    for column in columns:
        places = [place for place, label in enumerate(column.labels) if not label]
        cells = table.columns[column.name]
        entries = [f"{ids[rows[place]]}: {cells[rows[place]] or 'empty'}" for place in places]
        report.note(f"row without a label in {column.name}", "excluded from training", entries)
        excluded |= set(places)
    return excluded


def _note_contradictory(
    config: Config,
    table: Table,
    rows: np.ndarray,
    report: TableReport,
    pairs: Sequence[tuple[str, ...]],
    novel: Sequence[str],
) -> set[int]:
    """Note the rows whose subclass has another superclass in most of its rows, and return their places.

    Of two superclasses with as many rows, the one that comes first in the table counts.
    """
    counts = Counter(pair for pair in pairs if _known(pair, novel))
    # The most frequent pair of a subclass is set last.
    parents = {child: parent for (parent, child), _ in reversed(counts.most_common())}
    places = [place for place, pair in enumerate(pairs) if pair in counts and parents[pair[1]] != pair[0]]
    ids = table.columns[config.table.image_column]
    entries = [f"{ids[rows[place]]}: {pairs[place][1]} in {pairs[place][0]}" for place in places]
    what = "row whose subclass has another superclass in most rows"
    report.note(what, "excluded from training", entries)
    return set(places)
