"""Reads a label hierarchy of two levels: a column of superclasses, one of subclasses, a label in each cell.

Some rows are of no known class: of the class that the tables of names call novel, or of one that is held out
of training. Such a class is not in the vocabulary, and its rows are all zero at its level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kmlc.config import Config, HierarchyConfig
from kmlc.data.labels import Targets, Vocabulary, parse_labels
from kmlc.data.names import read_names
from kmlc.data.readers.table import Table
from kmlc.data.report import TableReport
from kmlc.errors import UserError
from kmlc.objectives.hierarchy import Hierarchy

# A character that no cell holds: the whole of a cell is one label, spaces and all.
_NO_DELIMITER = "\0"


class _Column(NamedTuple):
    """A label column.

    Attributes:
        name: its name.
        labels: the label of each row, "" where there is no valid one.
        order: every label once, in the order of the classes.
    """

    name: str
    labels: list[str]
    order: Sequence[str]


def read_hierarchy(config: Config, folder: Path, table: Table, report: TableReport) -> Targets:
    """Read both label columns, learn the hierarchy, and hold out the classes that the settings name.

    A row without a valid label at each level is left out.

    Args:
        config: `table`, `labels`, `hierarchy`, and the seed that chooses what is held out.
        folder: the data folder, for the tables of names.
        table: the labelled rows.
        report: where findings are noted.

    Raises:
        UserError: if a column is not there, a subclass stands under two superclasses, or the classes to hold
            out are not there or too many.

    Example:
        read_hierarchy(config, folder, table, report).vocabulary.parents
    """
    if config.labels.vocabulary is not None:
        raise UserError("labels.vocabulary: expected null with table.superclass_column; got a list")
    columns = _read_columns(config, table)
    names = [
        read_names(folder / file, config.labels)
        for file in (config.labels.superclass_names, config.labels.names)
    ]
    novel = [_label_named(config.hierarchy.novel, each) for each in names]
    hierarchy = _hierarchy_of(table, columns, novel)
    out = held_out(hierarchy, config.hierarchy, config.seed)
    vocabulary = _vocabulary(config, hierarchy, out, names, novel)
    encoded = _encode(vocabulary, [column.labels for column in columns])
    return Targets(vocabulary, encoded, _note(config, table, report, columns, vocabulary.novel_rows(encoded)))


def read_hierarchy_labels(
    config: Config, table: Table, vocabulary: Vocabulary, ids: Sequence[str]
) -> np.ndarray | None:
    """Return the labels of the images with the given names, uint8 (rows, classes); None if one is not there.

    A label that is not in the vocabulary, as that of the novel class, is none: its level is all zero.

    Raises:
        UserError: if the table lacks a column.

    Example:
        labels = read_hierarchy_labels(config, table, vocabulary, records.ids)
    """
    names = table.column(config.table.image_column, "table.image_column")
    place = {name: row for row, name in enumerate(names)}
    if not set(ids) <= set(place):
        return None
    columns = _read_columns(config, table)
    return _encode(vocabulary, [[column.labels[place[name]] for name in ids] for column in columns])


def held_out(hierarchy: Hierarchy, config: HierarchyConfig, seed: int) -> np.ndarray:
    """Return which classes are held out of training, bool of shape (S + K,), superclasses first.

    The subclasses of a superclass that is held out are held out with it. A number of subclasses is chosen by
    lot, from the superclasses in turn; each superclass that is not held out keeps one.

    Args:
        hierarchy: every class that has rows.
        config: `held_out_superclasses`, `held_out_subclasses`.
        seed: the same seed chooses the same subclasses.

    Raises:
        UserError: if a label to hold out is none of the hierarchy's, or a superclass is left without any
            subclass, or none is left.

    Example:
        held_out(hierarchy, HierarchyConfig(held_out_subclasses=10), seed=42)
    """
    key = "hierarchy.held_out_superclasses"
    superclasses = _chosen(key, config.held_out_superclasses, hierarchy.superclasses)
    if superclasses.all():
        raise UserError(
            f"{key}: expected one or more of {len(superclasses)} superclasses to be left; got none"
        )
    parents = np.array(hierarchy.parents)
    with_parents = superclasses[parents]
    key = "hierarchy.held_out_subclasses"
    if isinstance(config.held_out_subclasses, list):
        subclasses = _chosen(key, config.held_out_subclasses, hierarchy.subclasses)
    else:
        groups = [np.flatnonzero(parents == parent) for parent in np.flatnonzero(~superclasses)]
        subclasses = _drawn(key, config.held_out_subclasses, groups, len(parents), seed)
    subclasses |= with_parents
    for parent in np.flatnonzero(~superclasses):
        if subclasses[parents == parent].all():
            raise UserError(
                f"{key}: expected a subclass to be left of superclass {hierarchy.superclasses[parent]!r}; "
                "got all of them (hierarchy.held_out_superclasses holds out a whole superclass)"
            )
    return np.concatenate([superclasses, subclasses])


def _chosen(key: str, labels: Sequence[int | str], classes: Sequence[str]) -> np.ndarray:
    wanted = [str(label) for label in labels]
    for label in wanted:
        if label not in classes:
            raise UserError(f"{key}: expected labels among {', '.join(classes)}; got {label}")
    return np.isin(classes, wanted)


def _drawn(key: str, count: int, groups: Sequence[np.ndarray], classes: int, seed: int) -> np.ndarray:
    """Draw classes from the groups in turn, all but one of each group at most."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(group)[1:] for group in groups]
    shuffled = [shuffled[place] for place in rng.permutation(len(shuffled))]
    turns = range(max(map(len, shuffled)))
    order = [group[turn] for turn in turns for group in shuffled if turn < len(group)]
    if count > len(order):
        raise UserError(
            f"{key}: expected {len(order)} at most, so that each superclass keeps a subclass; got {count}"
        )
    return np.isin(np.arange(classes), order[:count])


def _read_columns(config: Config, table: Table) -> list[_Column]:
    """Return the columns of the superclasses and of the subclasses."""
    settings = replace(config.labels, delimiter=_NO_DELIMITER)
    columns = []
    for key in ("superclass_column", "label_column"):
        name = getattr(config.table, key)
        parsed = parse_labels(table.column(name, f"table.{key}"), settings)
        columns.append(_Column(name, ["".join(row) for row in parsed.rows], parsed.vocabulary))
    return columns


def _label_named(name: str, names: Mapping[str, str]) -> str:
    """Return the label that has the given name, the name itself if none has."""
    return next((label for label, each in names.items() if each == name), name)


def _hierarchy_of(table: Table, columns: Sequence[_Column], novel: Sequence[str]) -> Hierarchy:
    """Learn the hierarchy from the rows with a label of a known class at each level."""
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
) -> Vocabulary:
    """Return the vocabulary of the hierarchy less the classes that are held out."""
    labels = (*hierarchy.superclasses, *hierarchy.subclasses)
    named = [names[0].get(label, label) for label in hierarchy.superclasses]
    named += [names[1].get(label, label) for label in hierarchy.subclasses]
    kept = np.flatnonzero(~out)
    superclasses, subclasses = hierarchy.levels(~out[None])
    parents = np.array(hierarchy.parents)
    place = np.cumsum(superclasses) - 1
    # A superclass stands for its subclasses as well.
    listed = out & np.concatenate([np.ones_like(superclasses[0]), superclasses[0][parents]])
    return Vocabulary(
        tuple(labels[index] for index in kept),
        tuple(named[index] for index in kept),
        config.labels.delimiter,
        tuple(place[parents[subclasses[0]]].tolist()),
        tuple(novel),
        tuple(named[index] for index in np.flatnonzero(listed)),
    )


def _encode(vocabulary: Vocabulary, columns: Sequence[Sequence[str]]) -> np.ndarray:
    """Return one-hot rows, uint8 of shape (rows, S + K), of a column of each level."""
    levels = vocabulary.labels[: vocabulary.superclasses], vocabulary.labels[vocabulary.superclasses :]
    encoded = []
    for column, level in zip(columns, levels, strict=True):
        place = {label: index for index, label in enumerate(level)}
        # The last row, of zeros, is that of labels outside the vocabulary.
        rows = np.eye(len(level) + 1, len(level), dtype=np.uint8)
        encoded.append(rows[[place.get(label, len(level)) for label in column]])
    return np.concatenate(encoded, axis=1)


def _note(
    config: Config, table: Table, report: TableReport, columns: Sequence[_Column], novel: np.ndarray
) -> set[int]:
    """Note the rows without a valid label and those of no known class; return the former."""
    ids = table.columns[config.table.image_column]
    excluded: set[int] = set()
    for column in columns:
        rows = [row for row, label in enumerate(column.labels) if not label]
        cells = [table.columns[column.name][row] or "empty" for row in rows]
        what = f"row without a label in {column.name}"
        entries = [f"{ids[row]}: {cell}" for row, cell in zip(rows, cells, strict=True)]
        report.note(what, "excluded from training", entries)
        excluded |= set(rows)
    strange = [ids[row] for row in np.flatnonzero(novel) if row not in excluded]
    report.note("row of a novel or held-out class", "not trained on, joins the validation rows", strange)
    return excluded
