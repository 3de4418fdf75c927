"""The commands under test: how each is started and continued, and what it must leave in the end."""

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from kmlc.training.run_directory import RunDirectory
from tests.helpers import ROOT, TINY

RUN = "run"
"""The directory of the run or study, in the folder of a scenario."""

GRID = """\
model: hybrid
settings: {tower.name: simple_cnn, captions.encoder: bigram, thresholds.method: curve}
vary:
  train.epochs: [2, 3]
  train.learning_rate: [0.001, 0.01]
objective: micro_f1
"""

Result = dict[str, str]
"""Digests of what a finished command left, by name."""


@dataclass(frozen=True)
class CommandSpec:
    """A command under test.

    Attributes:
        name: `train` or `tune`.
        files: what the folder holds beside the data, content by name.
        command: the arguments of Python that start it; the same arguments continue it.
        marker: the file that makes its directory a run or a study, without which it cannot be continued.
        continuing: other arguments that continue it.
        begun: the file whose time says that the preparations of a process are over.
        finished: whether the directory needs no further training.
        finish: the arguments that complete a finished directory whose command was stopped at the very end,
            empty if there is nothing to complete.
        result: what the finished directory holds.
    """

    name: str
    files: Mapping[str, str]
    command: tuple[str, ...]
    marker: str
    continuing: tuple[str, ...]
    begun: str
    finished: Callable[[Path], bool]
    finish: tuple[str, ...]
    result: Callable[[Path], Result]

    def started(self, run: Path) -> bool:
        """Return whether a directory holds a run or a study that can be continued."""
        return (run / self.marker).is_file()

    def start_or_continue(self, run: Path, chance: random.Random) -> tuple[str, ...]:
        """Return the arguments of the next process."""
        if self.started(run) and chance.random() < 0.5:
            return self.continuing
        return self.command


def _train_result(run: Path) -> Result:
    history = pd.read_csv(run / "history.csv", dtype=str).drop(columns="seconds")
    with np.load(run / "logits.npz", allow_pickle=False) as logits:
        arrays = {name: logits[name] for name in logits.files}
    plain = ("config.yaml", "split.json", "labels.json", "thresholds.json", "metrics.json", "per_class.csv")
    return (
        {name: _digest((run / name).read_bytes()) for name in plain}
        | {"history.csv": _digest(history.to_csv().encode())}
        | {"logits.npz": _arrays_digest(arrays), "best.weights.h5": _weights_digest(run / "best.weights.h5")}
        | {"report.md": str((run / "report.md").is_file())}
    )


def _tune_result(study: Path) -> Result:
    table = pd.read_csv(study / "results.csv", dtype=str).drop(columns="minutes")
    table = table.sort_values(["trial", "seed"]).reset_index(drop=True)
    weights = {f"{run} weights": _weights_digest(study / run / "best.weights.h5") for run in table["run"]}
    best = {"best.yaml": _digest((study / "best.yaml").read_bytes())}
    return weights | best | {"results.csv": _digest(table.to_csv().encode())}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    parts = [
        f"{name} {value.dtype} {value.shape}".encode() + value.tobytes() for name, value in arrays.items()
    ]
    return _digest(b"".join(sorted(parts)))


def _weights_digest(path: Path) -> str:
    arrays: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return _arrays_digest(arrays)


TRAIN = CommandSpec(
    name="train",
    files={},
    # Accumulation, EMA weights, dropout and a plateau after every epoch: every state that must be resumed.
    command=(
        str(ROOT / "train.py"),
        *TINY,
        "--tower.name=simple_cnn",
        "--captions.encoder=bigram",
        "--data=data",
        f"--run={RUN}",
        "--train.epochs=12",
        "--train.accumulation=2",
        "--train.ema=0.9",
        "--train.plateau_patience=1",
        "--thresholds.method=curve",
    ),
    marker="manifest.json",
    continuing=(str(ROOT / "train.py"), f"--resume={RUN}"),
    begun="environment.json",
    finished=lambda run: RunDirectory(run).finished,
    finish=("-m", "kmlc", "report", RUN),
    result=_train_result,
)

_TUNE = (str(ROOT / "tune.py"), "--grid=grid.yaml", *TINY[:-1], "--data=data", f"--run={RUN}", "--keep=4")

TUNE = CommandSpec(
    name="tune",
    files={"grid.yaml": GRID},
    command=_TUNE,
    marker="study.yaml",
    continuing=(*_TUNE, "--workers=2"),
    begun="results.csv",
    finished=lambda study: (study / "best.yaml").is_file() and (study / "results.md").is_file(),
    finish=(),
    result=_tune_result,
)
