"""Runs of strangers: their manifest agrees with files whose types, lengths or values are wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kmlc.arrays import read_arrays, write_arrays
from kmlc.data.labels import Vocabulary
from kmlc.errors import UserError
from kmlc.files import read_json, write_json
from kmlc.tasks.hierarchy.vocabulary import HierarchyVocabulary
from kmlc.training.run_directory import RunDirectory
from kmlc.training.run_files import (
    evaluated_splits,
    load_evaluated,
    load_split,
    load_task,
    load_thresholds,
    load_validation,
)

LOADERS: dict[str, Callable[[RunDirectory], Any]] = {
    "labels.json": load_task,
    "thresholds.json": lambda run: load_thresholds(run, load_task(run)),
    "split.json": load_split,
    "logits.npz": lambda run: load_validation(run, load_task(run)),
}


def changes(name: str, key: str, *values: Any) -> list[tuple[str, Any]]:
    """Return the file's name with each value for one of its keys."""
    return [(name, {key: value}) for value in values]


CHANGES = [
    *changes("labels.json", "labels", 3, None, {}, [], ["1", "3", 18], ["1", "3", "3"]),
    *changes("labels.json", "names", "abc", ["a"], ["a", "b", 1], [None] * 3),
    *changes("labels.json", "delimiter", 1, []),
    *changes("labels.json", "more", 1),
    *changes("thresholds.json", "1", None, "0.5", True, [0.5], {}),
    *changes("thresholds.json", "7", 0.5),
    *changes("split.json", "validation", None, 3, "40.jpg", {}, [1], [["a"]]),
    *changes("split.json", "more", []),
    *changes("logits.npz", "validation_logits", np.zeros(3), np.zeros((2, 3), np.float32)),
    *changes("logits.npz", "validation_labels", np.array("text")),
]


def update_manifest(run: RunDirectory) -> None:
    """Let the manifest agree with the files, as its sender can."""
    run.finish()


@pytest.fixture
def run(runs: Path, tmp_path: Path) -> RunDirectory:
    return RunDirectory(Path(shutil.copytree(runs / "words", tmp_path / "run")))


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_a_file_of_other_types_or_values_is_one_line(name: str, change: Any, run: RunDirectory) -> None:
    """They ended in a KeyError, TypeError or ValueError, or predicted wrongly."""
    path = run.path / name
    LOADERS[name](run)
    if path.suffix == ".npz":
        write_arrays(path, read_arrays(path) | change)
    else:
        path.write_text(json.dumps(read_json(path) | change))
    update_manifest(run)
    with pytest.raises(UserError, match=rf"^{path}: damaged; expected ") as raised:
        LOADERS[name](run)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", LOADERS)
def test_an_empty_object_is_one_line(name: str, run: RunDirectory) -> None:
    (run.path / name).write_text("{}")
    update_manifest(run)
    with pytest.raises(UserError, match=rf"^{run.path / name}: damaged; expected "):
        LOADERS[name](run)


def test_logits_that_are_not_numbers_are_one_line(run: RunDirectory) -> None:
    arrays = read_arrays(run.logits)
    arrays["validation_logits"][0, 0] = np.nan
    write_arrays(run.logits, arrays)
    update_manifest(run)
    with pytest.raises(UserError, match=r"logits\.npz: damaged; expected labels and logits of \d+ valid"):
        load_validation(run, load_task(run))


HIERARCHY = {
    **{"labels": ["a", "b", "c"], "names": ["a", "b", "c"], "delimiter": " ", "parents": [0, 0]},
    **{"novel": ["x", "y"], "held_out": [], "held_out_superclasses": [], "held_out_subclasses": []},
}


@pytest.mark.parametrize(
    "change",
    [{"parents": value} for value in ([], [0, 1], [0, -1], [0, "0"], [0, True], [0] * 3, 3)]
    + [{"novel": value} for value in (["x"], ["x", 1], None)],
)
def test_labels_that_are_no_hierarchy_are_refused(change: dict[str, Any]) -> None:
    assert HierarchyVocabulary.from_json(HIERARCHY).parents == (0, 0)
    with pytest.raises(ValueError, match=r"expected"):
        HierarchyVocabulary.from_json(HIERARCHY | change)
    with pytest.raises(ValueError, match="expected the keys"):
        Vocabulary.from_json(HIERARCHY)


def test_the_rows_of_every_split_are_read(run: RunDirectory) -> None:
    assert evaluated_splits(run) == ["validation"]
    saved, names = read_arrays(run.logits), load_split(run)["validation"]
    more = {f"test_{name}": saved[f"validation_{name}"][:2] for name in ("labels", "logits")}
    write_arrays(run.logits, saved | more)
    write_json(run.split, {"training": [], "validation": names, "test": names[:2]})
    update_manifest(run)
    assert evaluated_splits(run) == ["validation", "test"]
    labels, logits = load_evaluated(run, load_task(run), "test")
    np.testing.assert_array_equal(labels, more["test_labels"])
    np.testing.assert_array_equal(logits, more["test_logits"])
    with pytest.raises(
        UserError, match="damaged; expected labels and logits of 0 training rows and 3 classes"
    ):
        load_evaluated(run, load_task(run), "training")
