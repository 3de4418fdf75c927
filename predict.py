"""Predict with a finished run: the test rows of a data folder, or one picture.

    python predict.py --out submission.csv                   # the newest finished run, its own data folder
    python predict.py --run RUN --data DIR --out submission.csv --proba probabilities.csv
    python predict.py --image photo.jpg --caption "A man rides a bike."

Every row of the test table comes back once and in order.
"""

from pathlib import Path

from kmlc.cli import OneLineParser, guard, without_chatter


def main() -> None:
    """Parse, load the run, predict."""
    parser = OneLineParser(description="Predict with a finished run.")
    parser.add_argument("--run", type=Path, help="run directory; default: the newest finished one in runs/")
    parser.add_argument("--data", help="data folder; default: the one that the run was trained on")
    parser.add_argument("--out", type=Path, default=Path("submission.csv"), help="submission (%(default)s)")
    parser.add_argument("--proba", type=Path, help="also write the probabilities, a column for each label")
    parser.add_argument("--image", type=Path, help="predict this picture instead of a table")
    parser.add_argument("--caption", help="caption of that picture; may stand alone")
    options = parser.parse_args()

    with without_chatter():
        from kmlc.prediction.predict import predict_one, predict_table
        from kmlc.training.restore import restore
        from kmlc.training.run_directory import existing_run, newest_run

    run = existing_run(options.run) if options.run else newest_run(finished=True)
    trained = restore(run)
    if options.image or options.caption is not None:
        predict_one(trained, options.image, options.caption or "")
    else:
        predict_table(trained, options.data, options.out, options.proba)


if __name__ == "__main__":
    guard(main)
