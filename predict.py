"""Predict with a finished run: the test rows of a data folder, or one picture.

    python predict.py --out submission.csv                   # the newest finished run, its own data folder
    python predict.py --run RUN --data DIR --out submission.csv --proba probabilities.csv
    python predict.py --run RUN --run OTHER_RUN              # the mean of several runs
    python predict.py --image photo.jpg --caption "A man rides a bike."

Every row of the test table comes back once and in order.
"""

from pathlib import Path

from kmlc.cli import OneLineParser, guard, without_chatter


def main() -> None:
    """Parse, load the run, predict."""
    parser = OneLineParser(description="Predict with a finished run.")
    parser.add_argument(
        "--run",
        type=Path,
        action="append",
        help="finished run (default: the newest in runs/); repeat for a mean",
    )
    parser.add_argument("--data", help="data folder; default: the one that the run was trained on")
    parser.add_argument("--out", type=Path, help="submission; default: submission.csv in the run directory")
    parser.add_argument("--proba", type=Path, help="also write the probabilities, a column for each label")
    parser.add_argument("--image", type=Path, help="predict this picture instead of a table")
    parser.add_argument("--caption", help="caption of that picture; may stand alone")
    parser.add_argument("--tta", choices=("flip", "crops"), default="one", help="average views of each image")
    parser.add_argument("--without", choices=("images", "captions"), help="predict as if there were none")
    options = parser.parse_args()
    one = options.image is not None or options.caption is not None
    for name in ("data", "out", "proba", "without"):
        if one and getattr(options, name) is not None:
            parser.error(f"--{name}: goes with a table; got --image or --caption as well")

    with without_chatter():
        from kmlc.prediction.ensemble import load_ensemble
        from kmlc.prediction.predict import predict_one, predict_table
        from kmlc.training.run_directory import newest_run

    paths = options.run or [newest_run(finished=True).path]
    ensemble = load_ensemble(paths)
    if one:
        predict_one(ensemble, options.image, options.caption or "", options.tta)
    else:
        out = options.out or paths[0] / "submission.csv"
        predict_table(ensemble, options.data, out, options.proba, options.tta, options.without)


if __name__ == "__main__":
    guard(main)
