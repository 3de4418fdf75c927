"""Whole commands, from the terminal's view: training with frozen towers, tuning over them, and predicting.

    python -m benchmarks.end_to_end --data DIR --weights FILE --preset DIR

A MobileNetV2 and a BERT are frozen, and a head on both is trained: with an empty cache of what they compute
(the baseline), with a full one, and without any. Then a grid of four trials is trained, and the rows of
test.csv are predicted. Each command is a process of its own; they take turns, and the numbers are medians.
"""

import csv
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.whole_command import Cost, run_python
from kmlc.arguments import OneLineParser
from kmlc.commands.process import command

GRID = """
model: mobilenetv2
vary: {fusion.hidden_dim: [0, 256], train.learning_rate: [0.0005, 0.001]}
objective: micro_f1
"""


@command
def main(argv: Sequence[str]) -> None:
    """Measure each command in turn, and print the medians and their ratios to the first."""
    parser = OneLineParser(description="Seconds and peak memory of whole commands.")
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--weights", required=True, help="weights file of MobileNetV2 (*.weights.h5)")
    parser.add_argument("--preset", required=True, help="folder of a pretrained BERT")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each training")
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    parser.add_argument("--csv", type=Path, help="file for the numbers")
    arguments = parser.parse_args(argv)
    paths = {
        "--data": arguments.data,
        "--tower.weights": arguments.weights,
        "--captions.preset": arguments.preset,
    }
    settings = [word for key, path in paths.items() for word in (key, str(Path(path).resolve()))]
    settings += ["--tower.trainable", "none", "--captions.trainable", "false", "--captions.pooling", "mean"]
    settings += ["--images.horizontal_flip", "false", "--images.crop", "1", "--train.early_stopping", "0"]
    settings += ["--train.epochs", str(arguments.epochs)]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [_round(Path(folder), settings) for _ in range(arguments.repeats)]
    _print(rounds, arguments.csv)


def _round(folder: Path, settings: Sequence[str]) -> dict[str, Cost]:
    """Run each command once, beginning with an empty cache; return what they cost by their names."""
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "grid.yaml").write_text(GRID)
    settings = [*settings, "--cache.folder", str(folder / "cache")]
    training = ["train", "--model", "mobilenetv2", *settings]
    commands = {
        "train, empty cache": [*training, "--run", "first"],
        "train, full cache": [*training, "--run", "second"],
        "train, no cache": [*training, "--run", "third", "--cache.gigabytes", "0"],
        "tune, 4 trials, full cache": ["tune", "--grid", "grid.yaml", *settings, "--run", "study"],
        "predict": ["predict", "--run", "second"],
    }
    return {name: run_python(["-m", "kmlc", *words], folder) for name, words in commands.items()}


def _print(rounds: Sequence[dict[str, Cost]], path: Path | None) -> None:
    rows = []
    for name in rounds[0]:
        costs = [each[name] for each in rounds]
        rows.append([name, *(median(column) for column in zip(*costs, strict=True))])
    print(f"{'':<28}{'wall s':>9}{'ratio':>7}{'processor s':>13}{'peak MB':>9}")
    for name, wall, processor, memory in rows:
        print(f"{name:<28}{wall:>9.1f}{wall / rows[0][1]:>7.2f}{processor:>13.1f}{memory:>9,.0f}")
    if path:
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["command", "wall_seconds", "processor_seconds", "peak_mb"])
            writer.writerows([name, *(round(value, 1) for value in values)] for name, *values in rows)


if __name__ == "__main__":
    raise SystemExit(main())
