"""Rows per second and peak memory of a training epoch, in each precision, against plain PyTorch.

    python -m benchmarks.step --data DIR                        # system2, 600 rows, batch 50, 224 x 224
    python -m benchmarks.step --data DIR --model mobilenetv2    # another model, without that baseline

An epoch is a pass over the training rows, then one over the validation rows; rows/s are all rows over its
seconds. kmlc trains two epochs in a process of its own, as `train.py` does, and both are printed: the first
includes tracing the model, the second does not. Starting the process and reading the table are in neither.
The baseline (`benchmarks/plain_pytorch.py`, for system2, where PyTorch is installed) has nothing to trace; it
trains one epoch on fewer rows, because it is slow. bfloat16 is left out on processors that emulate it. The
variants take turns; the numbers are medians.
"""

import csv
import io
import multiprocessing
import os
import resource
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command, quiet_imports
from kmlc.settings import model_names

if TYPE_CHECKING:
    from kmlc.config import Config
    from kmlc.data.records import LabelledData

KMLC = {"kmlc float32": "float32", "kmlc bfloat16": "mixed_bfloat16"}
PYTORCH = {
    f"PyTorch {'bfloat16' if bfloat16 else 'float32'}, {workers} workers": (workers, bfloat16)
    for bfloat16 in (False, True)
    for workers in (0, 2)
}


class Epoch(NamedTuple):
    """Rows per second of the first and the last epoch, and the peak of memory in MB."""

    first: float
    last: float
    memory: float


@command
def main(argv: Sequence[str]) -> None:
    """Measure each variant in turn, and print the medians and their ratios to the baseline."""
    parser = OneLineParser(description="Rows per second and peak memory of a training epoch.")
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--model", default="system2", choices=model_names())
    parser.add_argument("--rows", type=int, default=600, help="rows, with those of validation")
    parser.add_argument("--baseline_rows", type=int, default=125, help="the same for plain PyTorch")
    parser.add_argument("--batch_size", type=int, default=50)
    parser.add_argument("--size", type=int, default=224, help="image size in pixels")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each variant")
    parser.add_argument("--csv", type=Path, help="file to write the medians to")
    options = parser.parse_args(argv)
    with quiet_imports():
        from kmlc.training.environment import has_bfloat16
    variants = list(KMLC)
    if options.model != "system2":
        print(f"No baseline: there is a PyTorch script for system2 alone, not for {options.model}")
    elif find_spec("torch") is None:
        print("No baseline: PyTorch is not installed")
    else:
        variants += PYTORCH
    if not has_bfloat16():
        print("No bfloat16: this processor would emulate it")
        variants = [name for name in variants if "bfloat16" not in name]
    found: dict[str, list[Epoch]] = {name: [] for name in variants}
    spawn = multiprocessing.get_context("spawn")
    for _ in range(options.repeats):
        for name in variants:
            # Not a Pool, whose processes may not start the workers of a DataLoader.
            with ProcessPoolExecutor(1, spawn) as pool:
                found[name].append(pool.submit(measure, name, options).result())
    medians = {name: Epoch(*map(median, zip(*epochs, strict=True))) for name, epochs in found.items()}
    float32 = medians["kmlc float32"].last
    pytorch32 = [medians[name].last for name in found if name.startswith("PyTorch float32")]
    rows = []
    for name, epoch in medians.items():
        pytorch = f"{epoch.last / max(pytorch32):.2f}" if pytorch32 else ""
        numbers = (f"{epoch.first:.1f}", f"{epoch.last:.1f}", f"{epoch.memory:.0f}")
        rows.append((name, *numbers, f"{epoch.last / float32:.2f}", pytorch))
    header = ("variant", "first epoch", "rows/s", "peak MB", "to kmlc float32", "to PyTorch float32")
    print(f"{options.model}, {os.cpu_count()} CPU cores, medians of {options.repeats}")
    for row in (header, *rows):
        print(f"{row[0]:<30}" + "".join(f"{cell:>20}" for cell in row[1:]))
    if options.csv:
        with options.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])


def measure(name: str, options: Namespace) -> Epoch:
    """Train with one variant, in this process."""
    run = _kmlc if name in KMLC else _pytorch
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        first, last = run(name, options, Path(folder))
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return Epoch(first, last, max(resource.getrusage(each).ru_maxrss for each in who) / 1024)


def _kmlc(name: str, options: Namespace, folder: Path) -> tuple[float, float]:
    import pandas as pd

    from kmlc.training.train import train

    config, data = _data(options, options.rows, folder, KMLC[name])
    seconds = pd.read_csv(train(config, data=data).history)["seconds"]
    return len(data.records) / seconds.iloc[0], len(data.records) / seconds.iloc[-1]


def _pytorch(name: str, options: Namespace, folder: Path) -> tuple[float, float]:
    from benchmarks.plain_pytorch import Rows, epoch_seconds

    config, data = _data(options, options.baseline_rows, folder, "float32")
    records = data.records
    split = len(records) - len(records) // 5
    images = records.images.tolist()
    training, validation = (
        Rows(images[rows], records.captions[rows].tolist(), records.labels[rows], options.size, augment)
        for rows, augment in ((slice(split), True), (slice(split, None), False))
    )
    workers, bfloat16 = PYTORCH[name]
    rate = len(records) / epoch_seconds(training, validation, config.train.batch_size, workers, bfloat16)
    return rate, rate


def _data(options: Namespace, rows: int, folder: Path, precision: str) -> "tuple[Config, LabelledData]":
    """Return the settings, and the first rows of the data."""
    from kmlc.settings import config_from_flags
    from kmlc.tasks.rows import read_labelled

    settings = {
        "epochs": 2,
        "data": options.data,
        "run": folder / "run",
        "images.size": options.size,
        "train.batch_size": options.batch_size,
        "train.precision": precision,
    }
    flags = [f"--{key}={value}" for key, value in settings.items()]
    config = config_from_flags(["--model", options.model, *flags])
    return config, read_labelled(config).take(range(rows))


if __name__ == "__main__":
    raise SystemExit(main())
