"""Turns images into feature vectors with a frozen image tower, for `--model mlp`.

    python -m kmlc.prediction.features --model mobilenetv2 --tower.weights imagenet --data DIR --out rows.npz
    python train.py --model mlp --data rows.npz

Every flag but `--out` is a setting as in `python train.py --help`. The rows are those that training would
use.
"""

import sys
from pathlib import Path

from kmlc.cli import guard, parse_train, without_chatter


def main() -> None:
    """Parse, read, compute, write."""
    arguments = sys.argv[1:]
    out = Path("features.npz")
    if "--out" in arguments[:-1]:
        place = arguments.index("--out")
        out = Path(arguments[place + 1])
        del arguments[place : place + 2]
    config, _ = parse_train(arguments)

    with without_chatter():
        from kmlc.data.features import write_features
        from kmlc.prediction.extract import extract_features

    rows = extract_features(config)
    write_features(out, rows)
    print(f"{out}: {rows.features.shape[0]:,} rows of {rows.features.shape[1]:,} features")
    print(f"Train:  python train.py --model mlp --data {out}")


if __name__ == "__main__":
    guard(main)
