import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmlc.data.caches.arrays import ArrayStore, open_store

FLOAT = np.dtype("float32")
SHAPE = (3, 2)
BYTES = 24


def keys(*numbers: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in numbers]


def arrays(*numbers: int) -> np.ndarray:
    return np.array([np.full(SHAPE, number, FLOAT) for number in numbers])


def filled(folder: Path, *numbers: int) -> Path:
    with open_store(folder, SHAPE, FLOAT) as store:
        store.append(keys(*numbers), arrays(*numbers))
    return folder


def found(folder: Path, *numbers: int) -> list[int]:
    """Return the numbers that a store finds; those that it finds must have the right values."""
    with open_store(folder, SHAPE, FLOAT) as store:
        places = store.places(keys(*numbers))
        known = [number for number, place in zip(numbers, places, strict=True) if place >= 0]
        np.testing.assert_array_equal(store.values[places[places >= 0]], arrays(*known).reshape(-1, *SHAPE))
        return known


def test_what_was_appended_is_read_by_the_next_command(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1, 2)
    filled(tmp_path / "a", 3)
    assert found(tmp_path / "a", 3, 1, 7, 3) == [3, 1, 3]


def test_values_of_16_bits(tmp_path: Path) -> None:
    import ml_dtypes

    values = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    with open_store(tmp_path / "a", (2,), values.dtype) as store:
        store.append(keys(1), values)
        np.testing.assert_array_equal(store.values, values)
    assert (tmp_path / "a" / "values").stat().st_size == 4


@settings(max_examples=150)
@given(name=st.sampled_from(["index", "values"]), at=st.integers(0, 200), how=st.integers(-1, 255))
def test_a_damaged_file_never_gives_wrong_values(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: int, how: int
) -> None:
    """A byte is changed, or the file is cut off there; what is gone is appended again."""
    folder = filled(tmp_path_factory.mktemp("store") / "a", 1, 2, 3, 4)
    content = bytearray((folder / name).read_bytes())
    at %= len(content)
    if how < 0:
        content = content[:at]
    else:
        content[at] ^= how
    (folder / name).write_bytes(content)
    left = found(folder, 1, 2, 3, 4)
    missing = [number for number in (1, 2, 3, 4) if number not in left]
    assert len(missing) <= 1 or how < 0
    if missing:
        filled(folder, *missing)
    assert found(folder, 1, 2, 3, 4) == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["index", "values"])
def test_a_missing_file_is_an_empty_store(tmp_path: Path, name: str) -> None:
    (filled(tmp_path / "a", 1, 2) / name).unlink()
    assert found(tmp_path / "a", 1) == []
    filled(tmp_path / "a", 2)
    assert found(tmp_path / "a", 1, 2) == [2]


def test_what_a_kill_left_is_overwritten(tmp_path: Path) -> None:
    """The arrays are written before their records: these were not."""
    folder = filled(tmp_path / "a", 1)
    with (folder / "values").open("ab") as stream:
        stream.write(b"x" * 30)
    filled(folder, 2)
    assert found(folder, 1, 2) == [1, 2]


@pytest.mark.parametrize("size", [0, 20, 40])
def test_arrays_that_another_process_has_mapped_stay(tmp_path: Path, size: int) -> None:
    """Where the index was damaged, others were written in their place: a running training read them."""
    folder = filled(tmp_path / "a", 1, 2, 3)
    with open_store(folder, SHAPE, FLOAT) as store:
        mapped = store.values
    before = mapped.copy()
    os.truncate(folder / "index", size)
    filled(folder, 9, 8)
    np.testing.assert_array_equal(mapped, before)
    assert found(folder, 9, 8) == [9, 8]


def test_a_store_that_was_removed_meanwhile_is_not_made_of_zeros(tmp_path: Path) -> None:
    folder = filled(tmp_path / "a", 1, 2)
    with open_store(folder, SHAPE, FLOAT) as store:
        (folder / "values").unlink()
        with pytest.raises(OSError, match="removed by another process"):
            store.append(keys(3), arrays(3))


def room(store: ArrayStore, missing: int, limit: int) -> bool:
    return store.make_room(missing, missing + len(store), limit * BYTES)


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    for age, name in enumerate("abc"):
        os.utime(filled(tmp_path / name, 1, 2) / "index", (age, age))
    found(tmp_path / "a", 1)  # used now
    with open_store(tmp_path / "new", SHAPE, FLOAT) as store:
        assert room(store, 2, limit=16)  # the records and locks of the others count too
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "c", "new"]


def test_a_store_that_is_in_use_stays(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1, 2)
    with open_store(tmp_path / "a", SHAPE, FLOAT), open_store(tmp_path / "new", SHAPE, FLOAT) as store:
        assert not room(store, 2, limit=3)
    assert found(tmp_path / "a", 1, 2) == [1, 2]


def test_what_is_larger_than_the_bound_removes_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1, 2)
    with open_store(tmp_path / "new", SHAPE, FLOAT) as store:
        assert not room(store, 4, limit=3)
    assert found(tmp_path / "a", 1, 2) == [1, 2]


def test_rows_of_other_data_make_room_in_the_same_store(tmp_path: Path) -> None:
    folder = filled(tmp_path / "a", 1, 2, 3)
    with open_store(folder, SHAPE, FLOAT) as store:
        assert store.make_room(missing=1, wanted=2, limit_bytes=3 * BYTES)
        assert store.places(keys(1, 2, 3)).tolist() == [-1, -1, -1]


def fill_in_turns(folder: Path, numbers: Sequence[int]) -> None:
    for number in numbers:
        with open_store(folder, SHAPE, FLOAT) as store:
            if store.places(keys(number))[0] < 0:
                store.append(keys(number), arrays(number))


def test_two_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=fill_in_turns, args=(tmp_path / "a", list(range(start, 40))))
        for start in (0, 5)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert found(tmp_path / "a", *range(40)) == list(range(40))
    with open_store(tmp_path / "a", SHAPE, FLOAT) as store:
        assert len(store) == 40


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"), open_store(tmp_path / "file" / "a", SHAPE, FLOAT):
        pass
