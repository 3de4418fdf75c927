import pickle
import resource
import shutil
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kmlc.arrays import read_arrays, write_arrays
from kmlc.errors import UserError
from kmlc.files import check_room
from kmlc.training.checkpoint import load_state, load_weights, save_best_state, save_state, save_weights

INPUTS = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
TARGETS = np.ones((8, 1), np.float32)


def compiled(width: int = 5, policy: str = "float32") -> keras.Model:
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((4,))
        x = keras.layers.Dense(width)(inputs)
        x = keras.layers.Dropout(0.5)(x)
        model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(x))
        model.compile(keras.optimizers.AdamW(0.01, gradient_accumulation_steps=2), "mse", jit_compile=False)
    finally:
        keras.config.set_dtype_policy("float32")
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_restored_model_continues_bit_for_bit(tmp_path: Path, policy: str) -> None:
    """Weights, Adam's moments, accumulated gradients, dropout's seed, float16's loss scale are restored."""
    model = compiled(policy=policy)
    for _ in range(3):
        model.train_on_batch(INPUTS, TARGETS)
    save_state(tmp_path / "checkpoint" / "state.npz", model, [{"loss": 0.1}])
    other = compiled(policy=policy)
    assert load_state(tmp_path / "checkpoint" / "state.npz", other) == [{"loss": 0.1}]
    for _ in range(3):
        assert model.train_on_batch(INPUTS, TARGETS) == other.train_on_batch(INPUTS, TARGETS)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_best_state_stays_when_later_ones_are_written(tmp_path: Path) -> None:
    best, last, model = tmp_path / "best.npz", tmp_path / "state.npz", compiled()
    model.train_on_batch(INPUTS, TARGETS)
    save_best_state(best, last, model, [{"loss": 0.1}])
    expected = model.get_weights()
    model.train_on_batch(INPUTS, TARGETS)
    model.train_on_batch(INPUTS, TARGETS)
    save_state(last, model, [{"loss": 0.1}, {"loss": 0.2}])
    other = compiled()
    assert len(load_state(last, other)) == 2
    assert load_state(best, other) == [{"loss": 0.1}]
    for one, two in zip(expected, other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_history_keeps_every_digit(tmp_path: Path) -> None:
    history = [{"loss": 0.1 + 0.2, "val_loss": float(np.float32(1) / 3), "val_macro_map": float("nan")}]
    model = compiled()
    save_state(tmp_path / "state.npz", model, history)
    (epoch,) = load_state(tmp_path / "state.npz", model)
    assert (epoch["loss"], epoch["val_loss"]) == (history[0]["loss"], history[0]["val_loss"])
    assert np.isnan(epoch["val_macro_map"])


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "state.npz", compiled(width=5), [])
    with pytest.raises(UserError, match=r"state\.npz: does not fit the model"):
        load_state(tmp_path / "state.npz", compiled(width=6))


def test_the_state_of_another_run_is_refused(tmp_path: Path) -> None:
    """Of the same model: it went on with the other run's weights and history, exit 0."""
    save_state(tmp_path / "state.npz", compiled(), [{"loss": 1.0}], "2026-01-31")
    assert load_state(tmp_path / "state.npz", compiled(), "2026-01-31") == [{"loss": 1.0}]
    with pytest.raises(UserError, match=r"state\.npz: expected the state of this run; got that of another"):
        load_state(tmp_path / "state.npz", compiled(), "2026-02-01")


def test_a_damaged_state_is_one_line(tmp_path: Path) -> None:
    """At any place: zip, zlib and NumPy raise many kinds of errors, which ended in tracebacks."""
    path, model = tmp_path / "state.npz", compiled(width=2)
    save_state(path, model, [{"loss": 1.0}])
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    damaged = [b"", b"PK", whole[:-30], whole + whole, b"\x93NUMPY", pickle.dumps({}), rng.bytes(1000)]
    damaged += [whole[:place] for place in rng.integers(0, len(whole), 50)]
    for place in rng.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        damaged.append(bytes(changed))
    before, refused = model.get_weights(), []
    for content in damaged:
        path.write_bytes(content)
        try:
            assert load_state(path, model) == [{"loss": 1.0}]
        except UserError as error:
            refused.append(str(error))
        # Some bits of a zip archive, such as its times, mean nothing here.
        for one, two in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
    assert len(refused) > 200
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in refused)


def test_the_state_has_the_dtypes_of_the_model(tmp_path: Path) -> None:
    model = compiled()
    save_state(tmp_path / "state.npz", model, [])
    arrays = read_arrays(tmp_path / "state.npz")
    write_arrays(
        tmp_path / "state.npz", arrays | {"variable_00000": arrays["variable_00000"].astype("float16")}
    )
    with pytest.raises(UserError, match=r"state\.npz: does not fit the model"):
        load_state(tmp_path / "state.npz", model)
    write_arrays(tmp_path / "state.npz", arrays | {"variable_99999": arrays["variable_00000"]})
    with pytest.raises(UserError, match=r"state\.npz: does not fit the model"):
        load_state(tmp_path / "state.npz", model)


@pytest.mark.parametrize("content", [None, b"", b"\x89HDF\r\n\x1a\n" + bytes(500), b"no HDF5"])
def test_damaged_weights_are_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "best.weights.h5").write_bytes(content)
    with pytest.raises(UserError, match=r"best\.weights\.h5: damaged; expected a Keras weights file"):
        load_weights(tmp_path / "best.weights.h5", compiled())


def test_a_failed_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.npz"
    save_state(path, compiled(), [])
    before = path.read_bytes()

    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(UserError, match=r"state\.npz: could not be written: No space left on device"):
        save_state(path, compiled(), [{"loss": 1.0}])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]


def test_weights_are_not_written_to_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 crashes the process when the disk fills up under it."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=500))
    check_room(tmp_path / "best.weights.h5", 500)
    with pytest.raises(UserError, match=r"best\.weights\.h5: could not be written: No space left"):
        check_room(tmp_path / "best.weights.h5", 501)


def test_weights_are_not_written_beyond_the_largest_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 prints tracebacks when a file may not grow (ulimit -f)."""
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (500, 500))
    check_room(tmp_path / "best.weights.h5", 500)
    with pytest.raises(UserError, match=r"best\.weights\.h5: could not be written: File too large"):
        check_room(tmp_path / "best.weights.h5", 501)


def test_the_learning_rate_of_float16_is_the_inner_optimizers() -> None:
    model = compiled(policy="mixed_float16")
    model.optimizer.learning_rate = 0.125
    assert float(model.optimizer.inner_optimizer.learning_rate) == 0.125
    assert float(model.optimizer.learning_rate) == 0.125


def test_the_weights_file_holds_no_optimizer(tmp_path: Path) -> None:
    """Keras writes a compiled model's optimizer beside its weights: three times their size."""
    model = compiled(width=5000)
    model.train_on_batch(INPUTS, TARGETS)
    save_weights(tmp_path / "best.weights.h5", model)
    assert (tmp_path / "best.weights.h5").stat().st_size < 1.5 * sum(map(np.size, model.get_weights())) * 4
    other = compiled(width=5000)
    load_weights(tmp_path / "best.weights.h5", other)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "best.weights.h5", compiled(width=5))
    with pytest.raises(
        UserError,
        match=r"best\.weights\.h5: does not fit the model .* \(.*: expected shape \(.*6\); got \(.*5\)\)",
    ):
        load_weights(tmp_path / "best.weights.h5", compiled(width=6))


@pytest.mark.parametrize(
    "history",
    [
        "",
        "{",
        "[" * 100_000,
        "1",
        "{}",
        "[1]",
        '[{"loss": "a"}]',
        '[{"loss": true}]',
        '[{"loss": 1}]',
        "[{}]",
    ],
)
def test_a_state_whose_history_is_no_list_of_numbers_is_one_line(history: str, tmp_path: Path) -> None:
    """The zip of a stranger's state is sound; its history ended in a ValueError after all."""
    path, model = tmp_path / "state.npz", compiled()
    save_state(path, model, [{"loss": 1.0}])
    write_arrays(path, read_arrays(path) | {"history": np.array(history)})
    before = model.get_weights()
    with pytest.raises(UserError, match=r"state\.npz: damaged; expected the metrics of each epoch"):
        load_state(path, model, columns=["loss"])
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
