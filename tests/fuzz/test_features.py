"""Files of feature vectors for `mlp`: damaged, of wrong types and shapes."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import example
from hypothesis import strategies as st

from kmlc.commands.train import main as train
from kmlc.errors import UserError
from tests.fuzz.harness import Sandbox, fuzz
from tests.fuzz.strategies import EDITS, Edit, edited


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """End `train` where its rows are prepared, before the model is built."""

    def prepared(*_: object) -> None:
        raise UserError("the rows are ready to train on")

    monkeypatch.setattr("kmlc.training.train.compiled_model", prepared)


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def prepare(sandbox: Sandbox, content: bytes) -> None:
    (sandbox.clear() / "rows.npz").write_bytes(content)
    sandbox.call(train, "--model", "mlp", "--data", "rows.npz", "--run", "new", writes=["new"])


VALID = npz(X=np.arange(60, dtype=np.float32).reshape(20, 3), y=np.arange(20) % 2)

DTYPES = ("<f2", "<f4", ">f8", "<i8", "<u1", "?", "<c8", "U3", "S3", "O", "M8[s]", "V4")
SHAPES = ((), (0,), (20,), (20, 0), (0, 3), (20, 3), (19, 3), (20, 3, 1), (1, 1))


@fuzz("feature files", 250, edits=EDITS)
def test_damaged_files(sandbox: Sandbox, edits: list[Edit]) -> None:
    prepare(sandbox, edited(VALID, edits))


@fuzz(
    "feature files",
    250,
    dtypes=st.tuples(*[st.sampled_from(DTYPES)] * 2),
    shapes=st.tuples(*[st.sampled_from(SHAPES)] * 2),
    fill=st.sampled_from([0, 1, -1, 2, 1e5, 1e300, float("nan"), float("inf"), "1", None]),
    strings=st.none() | st.lists(st.text(max_size=5), max_size=3),
)
@example(dtypes=("<f4", "<i8"), shapes=((20, 3), (20,)), fill=1e5, strings=None)
def test_arrays_of_any_type_and_shape(
    sandbox: Sandbox, dtypes: tuple[str, str], shapes: tuple[Any, Any], fill: Any, strings: list[str] | None
) -> None:
    arrays = {}
    for name, dtype, shape in zip("Xy", dtypes, shapes, strict=True):
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                arrays[name] = np.full(shape, fill).astype(dtype)
        except (TypeError, ValueError, OverflowError):
            arrays[name] = np.zeros(shape, "V4")
    if strings is not None:
        arrays["ids"] = arrays["labels"] = np.array(strings)
    prepare(sandbox, npz(**arrays))
