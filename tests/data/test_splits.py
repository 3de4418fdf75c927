import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.config import SplitConfig
from kmlc.data.splits import split_rows


def random_labels(rows: int, classes: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((rows, classes)) < rng.uniform(0.01, 0.6, classes)).astype(np.uint8)


@pytest.mark.parametrize("method", ["random", "stratified"])
@given(
    rows=st.integers(2, 80), classes=st.integers(1, 6), seed=st.integers(0, 99), part=st.floats(0.05, 0.95)
)
@settings(max_examples=40)
def test_every_row_is_on_one_side(method: str, rows: int, classes: int, seed: int, part: float) -> None:
    labels = random_labels(rows, classes, seed)
    train, validation = split_rows(labels, SplitConfig(method=method, validation=part), seed)  # type: ignore[arg-type]
    assert sorted([*train, *validation]) == list(range(rows))


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_the_seed_decides(method: str) -> None:
    labels = random_labels(300, 5, seed=0)
    config = SplitConfig(method=method)  # type: ignore[arg-type]
    first, again, other = (split_rows(labels, config, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_random_holds_out_the_part() -> None:
    assert len(split_rows(random_labels(1000, 3, seed=0), SplitConfig("random", 0.2), 42)[1]) == 200


def test_stratified_keeps_every_labels_share() -> None:
    """Sechidis et al.: also a label of ten rows in a thousand is divided as asked."""
    labels = random_labels(1000, 12, seed=3)
    labels[:, 0] = 0
    labels[:10, 0] = 1
    _, validation = split_rows(labels, SplitConfig("stratified", 0.2), 42)
    assert labels[validation, 0].sum() == 2
    # Each share is within one row and two hundredths of what was asked.
    wanted = 0.2 * labels.sum(axis=0)
    assert np.all(np.abs(labels[validation].sum(axis=0) - wanted) <= 1 + 0.05 * wanted)
    assert abs(len(validation) - 200) <= 10


def test_stratified_divides_rows_without_a_label() -> None:
    labels = np.zeros((100, 3), np.uint8)
    assert len(split_rows(labels, SplitConfig("stratified", 0.3), 0)[1]) == 30
