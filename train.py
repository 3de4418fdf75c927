"""Train a model, tune its thresholds, and leave a run directory.

python train.py --model hybrid                      # on the built-in sample
python train.py --model hybrid --data DIR           # on your own tables and images
python train.py --resume                            # go on with the newest unfinished run
python train.py --models                            # every model
python train.py --help                              # every setting
"""

import sys

from kmlc.cli import guard, parse_train, without_chatter


def main() -> None:
    """Parse, train, report, and say what to do next."""
    if "--models" in sys.argv[1:]:
        with without_chatter():
            from kmlc.models.listing import list_models
        list_models()
        return
    config, resume = parse_train(sys.argv[1:])

    with without_chatter():
        from kmlc.reports.report import write_report
        from kmlc.training.train import train

    run = train(config, resume)
    write_report(run)
    print(f"\nReport:   {run.path / 'report.md'}")
    print(f"Predict:  python predict.py --run {run.path} --out submission.csv")


if __name__ == "__main__":
    guard(main)
