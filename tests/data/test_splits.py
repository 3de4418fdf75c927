import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.config import SplitConfig
from kmlc.data.splits import Split, split_rows
from kmlc.errors import UserError

METHODS = ["random", "stratified"]


def random_labels(rows: int, classes: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((rows, classes)) < rng.uniform(0.01, 0.6, classes)).astype(np.uint8)


def split_of(
    labels: np.ndarray, method: str, validation: float = 0.2, test: float = 0.0, seed: int = 42
) -> Split:
    return split_rows(labels, SplitConfig(method, validation, test), seed)  # type: ignore[arg-type]


def row_numbers(split: Split) -> list[list[int]]:
    return [rows.tolist() for rows in (split.training, split.validation, split.test)]


@pytest.mark.parametrize("method", METHODS)
@given(
    rows=st.integers(2, 80),
    classes=st.integers(1, 6),
    seed=st.integers(0, 99),
    validation=st.floats(0.05, 0.6),
    test=st.just(0.0) | st.floats(0.01, 0.39),
)
@settings(max_examples=60)
def test_every_row_is_in_exactly_one_split(
    method: str, rows: int, classes: int, seed: int, validation: float, test: float
) -> None:
    found = row_numbers(split_of(random_labels(rows, classes, seed), method, validation, test, seed))
    assert sorted(row for split in found for row in split) == list(range(rows))
    assert all(split == sorted(split) for split in found)
    assert test > 0 or found[2] == []


@given(rows=st.integers(1, 200), validation=st.floats(0.01, 0.6), test=st.just(0.0) | st.floats(0.01, 0.39))
def test_random_is_within_one_row_of_the_shares(rows: int, validation: float, test: float) -> None:
    found = row_numbers(split_of(np.ones((rows, 1), np.uint8), "random", validation, test))
    expected = rows * np.array([1 - validation - test, validation, test])
    assert np.abs([len(split) for split in found] - expected).max() <= 1


@given(
    seed=st.integers(0, 999),
    classes=st.integers(1, 10),
    validation=st.floats(0.1, 0.4),
    test=st.just(0.0) | st.floats(0.1, 0.4),
)
@settings(max_examples=40)
def test_stratified_keeps_sizes_and_label_shares(
    seed: int, classes: int, validation: float, test: float
) -> None:
    """Within 5 % of the rows for sizes; within 2 rows and 8 % of a label's rows for labels."""
    labels = random_labels(400, classes, seed)
    found = row_numbers(split_of(labels, "stratified", validation, test, seed))
    shares = np.array([1 - validation - test, validation, test])
    assert np.abs([len(split) for split in found] - 400 * shares).max() <= 0.05 * 400
    counts = labels.sum(axis=0)
    assigned = np.array([labels[split].sum(axis=0) for split in found])
    assert np.all(np.abs(assigned - shares[:, None] * counts) <= 2 + 0.08 * counts)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_splits(method: str) -> None:
    labels = random_labels(300, 5, seed=0)
    first, again, other = (row_numbers(split_of(labels, method, 0.2, 0.2, seed)) for seed in (1, 1, 2))
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize(
    ("method", "share", "validation"),
    [
        ("random", 0.2, [9, 15, 16, 18, 19]),
        ("random", 0.35, [7, 9, 15, 16, 17, 18, 19, 23]),
        ("stratified", 0.2, [1, 5, 11, 12, 17]),
        ("stratified", 0.35, [1, 5, 11, 12, 13, 17, 19, 23]),
    ],
)
def test_without_a_test_split_the_rows_are_those_of_published_results(
    method: str, share: float, validation: list[int]
) -> None:
    """The row numbers are those of the version that had two splits only; three rows here have no label."""
    labels = np.array([[int(bit) for bit in f"{(7 * i * i + 3 * i) % 16:04b}"] for i in range(24)], np.uint8)
    training = [row for row in range(24) if row not in validation]
    assert row_numbers(split_of(labels, method, share)) == [training, validation, []]


@pytest.mark.parametrize(("test", "slack"), [(0.0, 0.01), (0.1, 0.02)])
def test_stratified_keeps_every_labels_share(test: float, slack: float) -> None:
    """Sechidis et al.: even a label with ten rows in a thousand is divided by the shares."""
    labels = random_labels(1000, 12, seed=3)
    labels[:, 0] = 0
    labels[:10, 0] = 1
    split = split_of(labels, "stratified", 0.2, test)
    assert labels[split.validation, 0].sum() == 2
    assert labels[split.test, 0].sum() == 10 * test
    counts = labels.sum(axis=0)
    for rows, share in ((split.validation, 0.2), (split.test, test)):
        # Each label is within one row and a hundredth or two of its rows.
        assert np.all(np.abs(labels[rows].sum(axis=0) - share * counts) <= 1 + slack * counts)
        assert abs(len(rows) - share * 1000) <= 10


@given(
    rows=st.integers(3, 60),
    classes=st.integers(1, 40),
    seed=st.integers(0, 99),
    validation=st.floats(0.1, 0.4),
    test=st.just(0.0) | st.floats(0.1, 0.4),
)
def test_stratified_of_few_rows_is_within_one_row_of_the_shares(
    rows: int, classes: int, seed: int, validation: float, test: float
) -> None:
    """11 of 40 rows were validated on with a share of 0.2."""
    found = row_numbers(split_of(random_labels(rows, classes, seed), "stratified", validation, test, seed))
    expected = rows * np.array([1 - validation - test, validation, test])
    assert np.abs([len(split) for split in found] - expected).max() <= 1 + 1e-9


@pytest.mark.parametrize(("rows", "counts"), [(30, [22, 6, 2]), (5, [3, 1, 1])])
def test_labels_of_one_row_each_do_not_force_their_rows(rows: int, counts: list[int]) -> None:
    """Every row went to training, which was refused."""
    found = row_numbers(split_of(np.eye(rows, dtype=np.uint8), "stratified", 0.2, 0.1 if rows > 9 else 0.2))
    assert [len(split) for split in found] == counts


def test_moved_rows_keep_the_shares_of_labels() -> None:
    """40 labels of one row and 2 of many: of the latter each split has its share."""
    labels = np.zeros((120, 42), np.uint8)
    labels[np.arange(40), np.arange(40)] = 1
    labels[:80, 40], labels[60:, 41] = 1, 1
    found = split_of(labels, "stratified", 0.25)
    assert len(found.validation) in (29, 30, 31)
    assert np.abs(labels[found.validation][:, 40:].sum(axis=0) - [20, 15]).max() <= 1


def test_stratified_with_one_label_a_row_is_exact() -> None:
    labels = np.eye(3, dtype=np.uint8)[np.repeat([0, 1, 2], [10, 20, 70])]
    split = split_of(labels, "stratified", 0.2, 0.1)
    assert labels[split.training].sum(axis=0).tolist() == [7, 14, 49]
    assert labels[split.validation].sum(axis=0).tolist() == [2, 4, 14]
    assert labels[split.test].sum(axis=0).tolist() == [1, 2, 7]


def test_stratified_divides_rows_without_a_label() -> None:
    split = split_of(np.zeros((100, 3), np.uint8), "stratified", 0.3, 0.1)
    assert [len(rows) for rows in row_numbers(split)] == [60, 30, 10]


@pytest.mark.parametrize("method", METHODS)
def test_shares_that_leave_no_training_rows_are_refused(method: str) -> None:
    expected = "split.validation 0.5 and split.test 0.5: expected a sum below 1"
    with pytest.raises(UserError, match=re.escape(expected)):
        split_of(random_labels(10, 2, seed=0), method, 0.5, 0.5)


@pytest.mark.parametrize("method", METHODS)
@given(
    groups=st.lists(st.integers(0, 30), min_size=10, max_size=80),
    seed=st.integers(0, 99),
    test=st.sampled_from([0.0, 0.2]),
)
@settings(max_examples=60)
def test_rows_of_one_group_go_into_one_split(method: str, groups: list[int], seed: int, test: float) -> None:
    """A picture in two rows could be trained on and validated on."""
    labels = random_labels(len(groups), 4, seed)
    config = SplitConfig(method, 0.3, test)  # type: ignore[arg-type]
    found = row_numbers(split_rows(labels, config, seed, np.array(groups)))
    assert sorted(row for split in found for row in split) == list(range(len(groups)))
    seen = [{groups[row] for row in split} for split in found]
    assert sum(map(len, seen)) == len(set(groups))


@pytest.mark.parametrize("method", METHODS)
def test_without_a_repeated_picture_the_splits_do_not_change(method: str) -> None:
    labels = random_labels(100, 4, seed=1)
    config = SplitConfig(method, 0.2, 0.1)  # type: ignore[arg-type]
    numbered = split_rows(labels, config, 7, np.arange(100))
    assert row_numbers(numbered) == row_numbers(split_rows(labels, config, 7))


@pytest.mark.parametrize("method", METHODS)
def test_pictures_of_five_rows_keep_the_shares(method: str) -> None:
    """As in a table with five captions of each picture."""
    labels = random_labels(100, 4, seed=1).repeat(5, axis=0)
    config = SplitConfig(method, 0.2, 0.1)  # type: ignore[arg-type]
    found = split_rows(labels, config, 7, np.arange(100).repeat(5))
    sizes = [len(rows) for rows in row_numbers(found)]
    assert np.abs(np.array(sizes) - [350, 100, 50]).max() <= (0 if method == "random" else 25)


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_of_many_rows_counts_as_many(method: str) -> None:
    """300 rows of one picture are more than a byte counts."""
    groups = np.concatenate([np.zeros(300, int), np.arange(1, 701)])
    labels = np.ones((1000, 1), np.uint8)
    found = split_rows(labels, SplitConfig(method, 0.4, 0.2), 7, groups)  # type: ignore[arg-type]
    sizes = [len(rows) for rows in row_numbers(found)]
    assert np.abs(np.array(sizes) - [400, 400, 200]).max() <= 10
