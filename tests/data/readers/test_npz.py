import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kmlc.data.columns import strings
from kmlc.data.readers.npz import Features, read_features, write_features
from kmlc.errors import UserError

X = np.array([[0.5, -1.0], [2.0, 0.0], [1e-3, 7.0]])
Y = np.array([2, 0, 2])


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "rows.npz"
    np.savez(path, **arrays)
    return path


def test_class_numbers_become_multi_hot(tmp_path: Path) -> None:
    rows = read_features(saved(tmp_path, X=X, y=Y))
    np.testing.assert_array_equal(rows.features, X)
    np.testing.assert_array_equal(rows.labels, [[0, 0, 1], [1, 0, 0], [0, 0, 1]])
    assert isinstance(rows.features, np.memmap)
    assert rows.labels.dtype == np.uint8
    assert rows.ids.tolist() == ["0", "1", "2"]
    assert rows.names == ("0", "1", "2")


def test_names_set_the_number_of_classes(tmp_path: Path) -> None:
    path = saved(tmp_path, X=X, y=Y, labels=["red", "rosé", "white", "none"], ids=["a", "b", "c"])
    rows = read_features(path)
    assert rows.labels.shape == (3, 4)
    assert rows.names == ("red", "rosé", "white", "none")
    assert rows.ids.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("kind", [bool, np.int64, np.float32])
def test_multi_hot_of_any_kind_of_number(tmp_path: Path, kind: type) -> None:
    multi_hot = np.array([[1, 0], [0, 0], [1, 1]])
    rows = read_features(saved(tmp_path, X=X.astype(int), y=multi_hot.astype(kind)))
    np.testing.assert_array_equal(rows.labels, multi_hot)


def test_rows_to_predict_need_no_labels(tmp_path: Path) -> None:
    """Without `y` they could not be predicted, and one that was made up got a score."""
    rows = read_features(saved(tmp_path, X=X, ids=["a", "b", "c"], labels=["red", "white"]))
    np.testing.assert_array_equal(rows.features, X)
    assert (rows.labels.shape, rows.ids.tolist(), rows.names) == ((3, 0), ["a", "b", "c"], ())


@st.composite
def some_rows(draw: st.DrawFn) -> Features:
    rows, width, classes = (draw(st.integers(1, 6)) for _ in range(3))
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    # A NumPy string ends at its last character that is not NUL.
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
    return Features(
        draw(hnp.arrays(np.float32, (rows, width), elements=finite)),
        draw(hnp.arrays(np.uint8, (rows, classes), elements=st.integers(0, 1))),
        strings(draw(st.lists(text, min_size=rows, max_size=rows, unique=True))),
        tuple(draw(st.lists(text, min_size=classes, max_size=classes, unique=True))),
    )


@given(some_rows(), st.sampled_from(["rows.npz", "rows"]))
def test_written_rows_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: Features, name: str
) -> None:
    path = tmp_path_factory.mktemp("features") / name
    write_features(path, rows)
    read = read_features(path)
    np.testing.assert_array_equal(read.features, rows.features)
    np.testing.assert_array_equal(read.labels, rows.labels)
    assert (read.ids.tolist(), read.names) == (rows.ids.tolist(), rows.names)
    assert [each.name for each in path.parent.iterdir()] == [name]


BAD = np.array([[0.0, 1.0], [np.nan, 1.0], [1.0, np.inf]])
WRONG = {
    "no X": ({"y": Y}, "no array X; expected one of shape .*; got y"),
    "nothing": ({}, "no array X; .*; got no array"),
    "objects": ({"X": X, "y": np.array([1, "a", None], object)}, "y: expected plain numbers.*Python objects"),
    "X of strings": ({"X": X.astype(str), "y": Y}, "X: expected numbers; got <U32"),
    "flat X": ({"X": X[:, 0], "y": Y}, r"X: expected shape \(rows, features\); got \(3,\)"),
    "no rows": ({"X": X[:0], "y": Y[:0]}, r"X: expected one row and one feature or more; got shape \(0, 2\)"),
    "no features": ({"X": X[:, :0], "y": Y}, r"X: expected one row .*; got shape \(3, 0\)"),
    "deep y": ({"X": X, "y": Y.reshape(3, 1, 1)}, r"y: expected shape .*; got \(3, 1, 1\)"),
    "a number as y": ({"X": X, "y": np.array(1)}, r"y: expected shape .*; got \(\)"),
    "fewer y": ({"X": X, "y": Y[:2]}, "y: expected 3 rows, as X has; got 2"),
    "NaN": ({"X": BAD, "y": Y}, r"X: .*; 2 rows, the first is row 1 \(counted from 0\), have NaN"),
    "one infinity": ({"X": BAD[[0, 2]], "y": Y[:2]}, r"X: .*; row 1 \(counted from 0\) has NaN, infinite"),
    "beyond float32": ({"X": X * 1e39, "y": Y}, r"X: expected finite float32 numbers; 3 rows"),
    "fractions": ({"X": X, "y": [0, 1.5, 2]}, r"y: expected whole numbers; row 1 .* has 1\.5"),
    "NaN in y": ({"X": X, "y": [0, 1, np.nan]}, "y: expected whole numbers; row 2 .* has nan"),
    "infinity in y": ({"X": X, "y": [np.inf, 1, 1]}, "y: expected whole numbers; row 0 .* has inf"),
    "y of strings": ({"X": X, "y": ["a", "b", "c"]}, "y: expected whole numbers; got <U1"),
    "negative": ({"X": X, "y": [0, -1, -2]}, "y: expected 0 or more; 2 rows, the first is row 1 .* have -1"),
    "an id as class": ({"X": X, "y": [0, 1, 10**12]}, "y: expected class numbers below 100,000; row 2 .*"),
    "no such class": (
        {"X": X, "y": Y, "labels": ["a", "b"]},
        "y: expected class numbers below 2; 2 rows, the first is row 0 .* have 2",
    ),
    "counts": (
        {"X": X, "y": [[0, 1], [1, 2], [0, 3]]},
        "y: expected 0 and 1 .*; 2 rows.* have 2",
    ),
    "no classes": ({"X": X, "y": np.zeros((3, 0))}, r"y: expected one class or more; got shape \(3, 0\)"),
    "too few ids": ({"X": X, "y": Y, "ids": ["a", "b"]}, "ids: expected 3, one for each row; got 2"),
    "too few labels": (
        {"X": X, "y": np.eye(3), "labels": ["a", "b"]},
        "labels: expected 3, one for each class; got 2",
    ),
    "numbers as ids": (
        {"X": X, "y": Y, "ids": Y},
        r"ids: expected an array of strings; got int64 of .*3",
    ),
    "an id twice": (
        {"X": X, "y": Y, "ids": ["a", "b", "a"]},
        "ids: expected each string once; got 'a' again",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), WRONG.values(), ids=WRONG)
def test_an_error_is_one_line_with_the_file(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(UserError, match=message) as caught:
        read_features(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"rows\.npz: no such file; expected an \.npz file, as numpy\.savez writes$"
    ):
        read_features(tmp_path / "rows.npz")


@pytest.mark.parametrize("content", [b"", b"X,y\n1,2\n", pickle.dumps({"X": 1})])
def test_not_an_npz_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.npz"
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"rows\.npz: damaged; expected an \.npz file, as .* \(File is not a zip file\)$"
    ):
        read_features(path)
    with pytest.raises(UserError, match=r": a folder; expected an \.npz file, as numpy\.savez writes$"):
        read_features(tmp_path)


def test_a_member_that_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X", "1,2")
    with pytest.raises(UserError, match="X: expected an array; got something else"):
        read_features(path)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float64, ">f4", np.int16])
def test_vectors_stay_in_the_file_unless_they_are_compressed(tmp_path: Path, kind: str, order: Any) -> None:
    x = np.array(np.arange(600).reshape(200, 3), kind, order=order)
    np.savez_compressed(tmp_path / "compressed.npz", X=x, y=np.arange(200) % 2)
    rows, others = read_features(saved(tmp_path, X=x, y=np.arange(200) % 2)), tmp_path / "compressed.npz"
    assert isinstance(rows.features, np.memmap)
    np.testing.assert_array_equal(rows.features, x)
    np.testing.assert_array_equal(read_features(others).features, x)
    np.testing.assert_array_equal(read_features(others).labels, rows.labels)


def test_a_flipped_bit_is_an_error(tmp_path: Path) -> None:
    path = saved(tmp_path, X=X, y=Y)
    content = bytearray(path.read_bytes())
    content[content.index(X.tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"rows\.npz: damaged; expected an \.npz file"):
        read_features(path)


@given(st.data())
def test_a_damaged_file_is_an_error_or_read_unchanged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = saved(tmp_path_factory.mktemp("features"), X=X, y=Y)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    # Any exception but UserError fails this test.
    with suppress(UserError):
        np.testing.assert_array_equal(read_features(path).features, X)
