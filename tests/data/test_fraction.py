from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.config import Config, ThresholdsConfig
from kmlc.data.columns import strings
from kmlc.data.data_report import TableReport
from kmlc.data.fraction import fraction_of
from kmlc.data.labels import Vocabulary
from kmlc.data.records import LabelledData, Records
from kmlc.errors import UserError
from kmlc.tasks.registry import task_of
from kmlc.tasks.rows import read_labelled


def labelled(rows: int) -> LabelledData:
    """Rows "0", "1", ... of which every other has label a, and every third label b."""
    names = strings(map(str, range(rows)))
    labels = np.array([[row % 2 == 0, row % 3 == 0] for row in range(rows)], np.uint8)
    report = TableReport("train.csv", rows, rows)
    report.note("empty caption", "kept", ["0"])
    vocabulary = Vocabulary(("a", "b"), ("a", "b"))
    return LabelledData(Records(names, names, names, labels), vocabulary, report, "name", classes_given=True)


FRACTIONS = st.floats(0, 1, exclude_min=True)


@given(st.integers(2, 60), FRACTIONS, FRACTIONS, st.integers(0, 2**32 - 1))
def test_a_smaller_fraction_is_part_of_a_larger_one(rows: int, one: float, other: float, seed: int) -> None:
    data = labelled(rows)
    small, large = (fraction_of(data, rate, seed).records.ids.tolist() for rate in sorted([one, other]))
    assert len(small) == max(2, round(min(one, other) * rows))
    assert set(small) <= set(large) <= set(data.records.ids)
    assert small == sorted(small, key=int)
    assert small == fraction_of(data, min(one, other), seed).records.ids.tolist()


def test_all_rows_are_the_data_itself() -> None:
    data = labelled(10)
    assert fraction_of(data, 1.0, 3) is data


def test_the_seed_chooses_the_rows() -> None:
    chosen = {tuple(fraction_of(labelled(40), 0.5, seed).records.ids) for seed in range(5)}
    assert len(chosen) == 5


def test_rows_stay_whole_and_the_report_says_what_is_used() -> None:
    data = labelled(40)
    small = fraction_of(data, 0.25, 7)
    rows = [int(name) for name in small.records.ids]
    assert small.records.labels.tolist() == [[row % 2 == 0, row % 3 == 0] for row in rows]
    assert rows == list(map(int, small.records.images)) == list(map(int, small.records.captions))
    assert (small.report.rows, small.report.used) == (40, 10)
    assert small.report.label_counts == {
        "a": sum(row % 2 == 0 for row in rows),
        "b": sum(row % 3 == 0 for row in rows),
    }
    kept, outside = small.report.findings
    assert kept.rows == ["0"]
    assert (outside.what, outside.action) == ("row outside the fraction", "excluded")
    assert outside.rows == [name for name in data.records.ids if name not in small.records.ids]
    assert (data.report.used, len(data.report.findings)) == (40, 1)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_fraction_of_a_folder_keeps_its_label_counts(data: Path, seed: int) -> None:
    whole = read_labelled(Config(data=str(data)))
    small = fraction_of(whole, 0.5, seed)
    assert sum(small.report.label_counts.values()) == small.records.labels.sum()
    assert list(small.report.label_counts) == list(whole.report.label_counts)


def test_classes_without_a_row_in_the_fraction_are_no_classes() -> None:
    """They stayed in the vocabulary, each with an F1 of 0 in the mean over the classes."""
    labels = np.eye(20, dtype=np.uint8)
    names = strings(map(str, range(20)))
    vocabulary = Vocabulary(tuple(names.tolist()), tuple(names.tolist()))
    data = LabelledData(
        Records(names, names, names, labels), vocabulary, TableReport("train.csv", 20), "integer"
    )
    small = fraction_of(data, 0.25, 3)
    assert list(small.vocabulary.labels) == small.records.ids.tolist()
    assert small.records.labels.tolist() == np.eye(5).tolist()
    assert small.report.label_counts == dict.fromkeys(small.records.ids, 1)
    given = fraction_of(replace(data, classes_given=True), 0.25, 3)
    assert given.vocabulary == vocabulary


def test_a_rule_that_names_a_label_which_the_fraction_lacks_is_one_line() -> None:
    """A label that no row of the fraction has was kept as a class without rows."""
    data = replace(labelled(60), classes_given=False)
    rare = np.zeros_like(data.records.labels)
    rare[0], rare[1:, 0] = 1, 1  # row 0 alone has b
    data = replace(data, records=replace(data.records, labels=rare))
    config = Config(thresholds=ThresholdsConfig(no_label="b"))
    assert task_of(config, data.vocabulary)
    seed = next(seed for seed in range(100) if "0" not in fraction_of(data, 0.1, seed).records.ids)
    part = fraction_of(data, 0.1, seed)
    with pytest.raises(UserError, match=r"thresholds\.no_label: expected none, top1 or one of a; got b$"):
        task_of(config, part.vocabulary)
