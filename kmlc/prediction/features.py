"""Turns images into feature vectors with a frozen image tower, for `--model mlp`.

    python -m kmlc.prediction.features --model mobilenetv2 --tower.weights imagenet --data DIR --out rows.npz
    python train.py --model mlp --data rows.npz

Every flag but `--out` is a setting as in `python train.py --help`. The rows are those that training would
use.
"""

from pathlib import Path

from kmlc.cli import OneLineParser, guard, parse_train, without_chatter


def main() -> None:
    """Parse, read, compute, write."""
    parser = OneLineParser(
        prog="python -m kmlc.prediction.features",
        usage="%(prog)s [--out FILE] [--model NAME] [--data DIR] [--SETTING VALUE ...]",
        description=__doc__.partition("\n")[0],
        epilog="All other flags are settings; python train.py --help lists them.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("features.npz"), metavar="FILE", help="default: features.npz"
    )
    options, settings = parser.parse_known_args()
    config, _ = parse_train(settings)

    with without_chatter():
        from kmlc.data.readers.npz import write_features
        from kmlc.files import check_writable
        from kmlc.prediction.extract import extract_features

    check_writable(options.out)
    rows = extract_features(config)
    write_features(options.out, rows)
    print(f"{options.out}: {rows.features.shape[0]:,} rows of {rows.features.shape[1]:,} features")
    print(f"Train:  python train.py --model mlp --data {options.out}")


if __name__ == "__main__":
    guard(main)
