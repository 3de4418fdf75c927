"""The machine of a process: its device, the precision and XLA that suit it, and its description."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kmlc.config import Config, TrainConfig
from kmlc.files import read_json
from kmlc.settings import checked

_PACKAGES = (
    "tensorflow",
    "keras",
    "keras-hub",
    "tensorflow-text",
    "tokenizers",
    "numpy",
    "scikit-learn",
    "pandas",
    "pillow",
)


def has_gpu() -> bool:
    """Return whether the Keras backend computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    return bool(tf.config.list_physical_devices("GPU"))


def has_bfloat16() -> bool:
    """Return whether the processor has avx512_bf16 or amx_bf16; False on systems other than Linux."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def precision(config: TrainConfig) -> str:
    """Return the dtype policy of a training.

    `auto` is mixed_float16 on a GPU, mixed_bfloat16 on a CPU that multiplies bfloat16, float32 on any other.
    """
    if config.precision != "auto":
        return config.precision
    if has_gpu():
        return "mixed_float16"
    return "mixed_bfloat16" if has_bfloat16() else "float32"


def prediction_precision(config: TrainConfig, trained: object) -> str:
    """Return the dtype policy to predict with: that of the training, or float32.

    With `auto` it is float32 on a machine that would train in another precision.

    Args:
        config: the settings of the run.
        trained: the dtype policy that it was trained with.

    Example:
        prediction_precision(TrainConfig(), "mixed_float16")  # float32, without a GPU
    """
    return trained if trained == precision(config) else "float32"


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Give models that the block builds this dtype policy; then restore the earlier one."""
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)


def with_precision_of(config: Config, environment: Path) -> Config:
    """Return the settings of a run with the precision that it was started in, where that is auto.

    Args:
        config: the settings.
        environment: what `describe` returned, as the run's file; it may be missing.

    Raises:
        UserError: if it is damaged.
    """
    if config.train.precision != "auto" or not environment.is_file():
        return config
    precision = read_json(environment, dict).get("precision", "auto")
    return checked(replace(config, train=replace(config.train, precision=precision)))


def use_xla(config: TrainConfig) -> bool:
    """Return whether to compile with XLA; `auto` is on for a GPU, off for a CPU, where it is slower."""
    return has_gpu() if config.xla == "auto" else config.xla


@contextmanager
def for_training(config: Config) -> Iterator[None]:
    """Set determinism and the seed for the process, and the precision of the models that the block builds."""
    make_deterministic(config.seed)
    with dtype_policy(precision(config.train)):
        yield


def make_deterministic(seed: int) -> None:
    """Make every random number come from the seed, and every operation give the same result each time."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        tf.config.experimental.enable_op_determinism()


def describe(config: TrainConfig) -> dict[str, Any]:
    """Return versions, device, precision, XLA and git commit, as plain values for JSON."""
    devices = [device.name for device in tf.config.list_physical_devices("GPU")]
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "keras_backend": keras.backend.backend(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "devices": devices or ["CPU"],
        "precision": precision(config),
        "xla": use_xla(config),
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """Return the commit of this checkout; None where kmlc is installed, even inside another repository."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
