"""Predict with a finished run: the test rows of a data folder, or one picture.

    python predict.py --out submission.csv                   # the newest finished run, its own data folder
    python predict.py --run RUN --data DIR --out submission.csv --proba probabilities.csv
    python predict.py --run RUN --run OTHER_RUN              # the mean of several runs
    python predict.py --image photo.jpg --caption "A man rides a bike."

Every row of the test table comes back once and in order.
"""

from kmlc.cli import guard, parse_predict, without_chatter


def main() -> None:
    """Parse, load the run, predict."""
    options = parse_predict()

    with without_chatter():
        from kmlc.prediction.ensemble import load_ensemble
        from kmlc.prediction.predict import predict_one, predict_table
        from kmlc.training.run_directory import newest_run

    paths = options.run or [newest_run(finished=True).path]
    ensemble = load_ensemble(paths)
    if options.image or options.caption is not None:
        predict_one(ensemble, options.image, options.caption or "", options.tta)
    else:
        out = options.out or paths[0] / "submission.csv"
        predict_table(ensemble, options.data, out, options.proba, options.tta, options.without)


if __name__ == "__main__":
    guard(main)
