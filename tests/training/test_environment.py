"""The precision of a process: what `auto` is on a machine, and what a finished run predicts in."""

import json
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kmlc.config import TrainConfig
from kmlc.training import environment
from kmlc.training.restore import restore
from kmlc.training.run_directory import RunDirectory


@pytest.mark.parametrize(
    ("gpu", "bfloat16", "expected"),
    [
        (False, False, "float32"),
        (False, True, "mixed_bfloat16"),
        (True, False, "mixed_float16"),
        (True, True, "mixed_float16"),
    ],
)
def test_auto_is_the_precision_that_the_device_is_fast_in(
    gpu: bool, bfloat16: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "has_gpu", lambda: gpu)
    monkeypatch.setattr(environment, "has_bfloat16", lambda: bfloat16)
    assert environment.precision(TrainConfig()) == expected
    assert environment.precision(TrainConfig(precision="float32")) == "float32"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t: fpu avx512f avx512_bf16 amx_tile", True),
        ("flags\t: fpu amx_bf16 amx_tile", True),
        ("flags\t: fpu avx512f avx512_bf16x avx2", False),
        (None, False),
    ],
)
def test_the_processor_says_whether_it_multiplies_bfloat16(
    flags: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(path: Path) -> str:
        assert path == Path("/proc/cpuinfo")
        if flags is None:
            raise FileNotFoundError
        return f"processor\t: 0\n{flags}\nbugs\t:\n"

    monkeypatch.setattr(Path, "read_text", read_text)
    assert environment.has_bfloat16() is expected


@pytest.mark.parametrize(
    ("setting", "trained", "here", "expected"),
    [
        ("auto", "float32", "mixed_bfloat16", "float32"),
        ("auto", "mixed_bfloat16", "mixed_bfloat16", "mixed_bfloat16"),
        ("auto", "mixed_bfloat16", "float32", "float32"),
        ("auto", "mixed_float16", "mixed_bfloat16", "float32"),
        ("auto", "made up", "mixed_bfloat16", "float32"),
        ("mixed_bfloat16", "mixed_bfloat16", "float32", "mixed_bfloat16"),
    ],
)
def test_a_run_predicts_in_the_precision_of_its_training_or_in_float32(
    setting: Literal["auto", "mixed_bfloat16"],
    trained: str,
    here: str,
    expected: str,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "has_gpu", lambda: here == "mixed_float16")
    monkeypatch.setattr(environment, "has_bfloat16", lambda: here == "mixed_bfloat16")
    assert environment.prediction_precision(TrainConfig(precision=setting), trained) == expected
    if setting == "auto":
        path = tmp_path / "run"
        shutil.copytree(runs / "words", path)
        described = json.loads((path / "environment.json").read_text()) | {"precision": trained}
        (path / "environment.json").write_text(json.dumps(described))
        RunDirectory(path).finish()
        monkeypatch.setattr(environment, "precision", lambda config: here)
        model = restore(RunDirectory(path)).model
        hidden = model.get_layer("head").model.get_layer("hidden")
        assert hidden.dtype_policy.name == expected
        assert model.output.dtype == "float32"
        assert all(np.asarray(each).dtype == np.float32 for each in model.weights)
