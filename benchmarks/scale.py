"""Large tables: rows a second and peak memory of reading, splitting and training.

    python -m benchmarks.scale                                 # all sizes, and the thresholds of 1,000 labels
    python -m benchmarks.scale --rows 10000 100000 --csv FILE

Two made-up data sets, which show the path of the table alone, without images: a CSV file with captions and
labels, for a model of bigrams (`--tower.name none`), and an `.npz` file of feature vectors, for `mlp`. Each
size is read, split and trained on for one epoch in a process of its own. The baselines are `pandas.read_csv`
and `numpy.load` of the same files. Memory is what the process allocated (`RssAnon`), read from outside every
20 ms: pages of a memory-mapped file, which the system can drop at any time, are not in it.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.config import (
    CaptionsConfig,
    Config,
    FusionConfig,
    ThresholdsConfig,
    TowerConfig,
    TrainConfig,
)
from kmlc.data.records import Records

LABELS, WIDTH = 20, 128
WORDS = [
    "a",
    "red",
    "blue",
    "man",
    "woman",
    "dog",
    "cat",
    "bus",
    "rides",
    "stands",
    "on",
    "in",
    "street",
    "beach",
]
TRAIN = TrainConfig(epochs=1, batch_size=256, early_stopping=0)
CONFIGS = {
    "captions": Config(
        tower=TowerConfig("none"),
        captions=CaptionsConfig("bigram"),
        fusion=FusionConfig(hidden_dim=0),
        train=TRAIN,
    ),
    "features": Config(
        tower=TowerConfig("mlp"),
        captions=CaptionsConfig("none"),
        fusion=FusionConfig(hidden_dim=0),
        train=TRAIN,
    ),
}
BASELINES = {"captions": "pandas.read_csv", "features": "numpy.load"}


@command
def main(argv: Sequence[str]) -> None:
    """Print a table of all sizes, the growth of memory, and the seconds of `joint` thresholds."""
    parser = OneLineParser(description="Rows a second and peak memory of large tables.")
    parser.add_argument("--rows", type=int, nargs="+", help="sizes; 10,000, 100,000 and 1,000,000 without it")
    parser.add_argument("--data", action="append", choices=CONFIGS, help="one of the data sets")
    parser.add_argument("--csv", type=Path, help="write the table to this file too")
    parser.add_argument("--child", nargs=2, help="what to run in this process, and on which file")
    arguments = parser.parse_args(argv)
    if arguments.child:
        run(*arguments.child)
        return
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for data in arguments.data or CONFIGS:
            for rows in arguments.rows or [10**4, 10**5, 10**6]:
                path = {"captions": write_captions, "features": write_features}[data](Path(folder), rows)
                for name in (BASELINES[data], data):
                    for phase in measured(name, path):
                        found.append({"data": data, "size": rows} | phase)
                        print(found[-1], flush=True)
    table = with_rates(pd.DataFrame(found))
    print(table.to_string(index=False))
    if arguments.csv:
        table.to_csv(arguments.csv, index=False)
    joint()


def with_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with rows a second, and how many bytes a row memory and columns grow by."""
    table["rows_per_s"] = (table["rows"] / table["seconds"]).round()
    groups = table.groupby(["data", "name", "phase"])
    for name in ("peak", "columns"):
        table[f"{name}_per_row"] = (groups[name].diff() / groups["size"].diff()).round(1)
    return table.round({"seconds": 3})


def write_captions(folder: Path, rows: int) -> Path:
    """Write a data folder with captions and labels, and return it."""
    rng = np.random.default_rng(0)
    path = folder / f"captions-{rows}"
    path.mkdir()
    with (path / "train.csv").open("w") as stream:
        stream.write("ImageID,Labels,Caption\n")
        for row in range(rows):
            labels = " ".join(map(str, sorted({*rng.integers(1, LABELS + 1, rng.integers(1, 4)).tolist()})))
            caption = " ".join(WORDS[place] for place in rng.integers(0, len(WORDS), 10))
            stream.write(f'{row}.jpg,{labels},"{caption}."\n')
    return path


def write_features(folder: Path, rows: int) -> Path:
    """Write a file of feature vectors with labels, and return it."""
    rng = np.random.default_rng(0)
    path = folder / f"features-{rows}.npz"
    labels = rng.random((rows, LABELS), np.float32) < 0.1
    np.savez(path, X=rng.random((rows, WIDTH), np.float32), y=labels.astype(np.uint8))
    return path


def measured(name: str, path: Path) -> Iterator[dict[str, Any]]:
    """Run something in a process of its own; yield its phases with their seconds and peak memory."""
    arguments = [sys.executable, "-m", "benchmarks.scale", "--child", name, str(path)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    peak = 0
    while True:
        peak = max(peak, anonymous_bytes(process.pid))
        if select.select([process.stdout], [], [], 0.02)[0]:
            line = process.stdout.readline()
            if not line:
                break
            yield json.loads(line) | {"peak": peak}
            peak = 0
    if process.wait():
        raise RuntimeError(f"{name}: exit code {process.returncode}")


def anonymous_bytes(process: int) -> int:
    """Return the memory that a process has allocated and uses; 0 once it ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def run(name: str, path: str) -> None:
    """Run a baseline, or the phases of a data set, and print each as a line of JSON."""
    if name == "pandas.read_csv":
        started = time.perf_counter()
        table = pd.read_csv(Path(path) / "train.csv")
        report(name, "read", started, len(table), int(table.memory_usage(deep=True).sum()))
    elif name == "numpy.load":
        started = time.perf_counter()
        with np.load(path) as archive:
            arrays = [archive["X"], archive["y"]]
        report(name, "read", started, len(arrays[0]), int(sum(each.nbytes for each in arrays)))
    else:
        run_phases(replace(CONFIGS[name], data=path))


def run_phases(config: Config) -> None:
    """Read a data set, split it, and train for an epoch."""
    from kmlc.tasks.rows import read_labelled
    from kmlc.training.prepare import prepare_data
    from kmlc.training.train import train

    name = "kmlc"
    started = time.perf_counter()
    report(name, "start", started, 0, 0)
    started = time.perf_counter()
    data = read_labelled(config)
    report(name, "read", started, len(data.records), columns_bytes(data.records))
    started = time.perf_counter()
    prepared = prepare_data(config, data)
    parts = list(prepared.splits.values())
    report(name, "split", started, len(data.records), sum(map(columns_bytes, [data.records, *parts])))
    rows, size = len(prepared.training), sum(map(columns_bytes, [data.records, *parts]))
    del prepared, parts
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        finished = train(replace(config, run=folder), data=data)
        seconds = pd.read_csv(finished.history)["seconds"].iloc[-1]
    report(name, "train, 1 epoch", time.perf_counter() - seconds, rows, size)


def columns_bytes(records: Records) -> int:
    """Return the memory of the columns; feature vectors stay in their file."""
    size = records.labels.nbytes + (0 if records.features is None else records.features.rows.nbytes)
    for column in (records.ids, records.images, records.captions):
        lengths = np.strings.str_len(column)
        size += column.nbytes + int(lengths[lengths > 15].sum())
    return size


def report(name: str, phase: str, started: float, rows: int, size: int) -> None:
    """Print what was done, the rows, the seconds, and the bytes of the result."""
    seconds = time.perf_counter() - started
    print(json.dumps({"name": name, "phase": phase, "rows": rows, "seconds": seconds, "columns": int(size)}))
    sys.stdout.flush()


def joint() -> None:
    """Print the seconds of `joint` thresholds for 1,000 labels and 20,000 rows."""
    from kmlc.objectives.thresholds import fit_thresholds

    rng = np.random.default_rng(0)
    labels = rng.random((20_000, 1_000), np.float32) < 0.01
    scores = 1 / (1 + np.exp(-rng.normal(-2, 1, labels.shape) - 2 * labels))
    for average in ("micro", "macro", "samples"):
        started = time.process_time()
        fit_thresholds(labels, scores, ThresholdsConfig("joint"), average)
        seconds = time.process_time() - started
        print(f"joint thresholds, {average}-F1, 1,000 labels x 20,000 rows: {seconds:.1f} s of processor")


if __name__ == "__main__":
    raise SystemExit(main())
