"""A finished run compared with TF-IDF and logistic regression on the captions of the same rows.

    python -m benchmarks.text_baseline --run runs/2026-01-31-hybrid

The baseline uses words and word pairs, with one logistic regression for each label. It is trained on the
run's training rows and evaluated on its validation rows. Both are shown with thresholds of 0.5 and with
thresholds fitted on the validation rows by the run's method; the run's no-label rule applies to both.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.data.records import Records
from kmlc.prediction.predictor import predict_logits
from kmlc.tasks.rows import read_labelled
from kmlc.training.prepare import load_prepared_data
from kmlc.training.restore import restore
from kmlc.training.run_directory import existing_run

METRICS = ("micro_f1", "macro_f1", "samples_f1", "macro_map")


@command
def main(argv: Sequence[str]) -> None:
    """Print both, side by side."""
    parser = OneLineParser(description="A finished run against TF-IDF + logistic regression.")
    parser.add_argument("--run", type=Path, required=True, help="run directory of a finished run")
    run = existing_run(parser.parse_args(argv).run)
    trained = restore(run)
    prepared = load_prepared_data(run, read_labelled(trained.config))
    training, validation = prepared.training, prepared.validation
    print(f"{len(training):,} rows to train on, {len(validation):,} to validate on; {run.path}")
    print(f"{'':<34}" + "".join(f"{name.replace('_', ' '):>12}" for name in METRICS))
    task, labels = trained.task, validation.labels
    for name, logits in (
        ("TF-IDF + logistic regression", baseline_logits(training, validation)),
        (trained.config.model, predict_logits(trained, validation)),
    ):
        thresholds = {
            "0.5": dict.fromkeys(trained.task.vocabulary.labels, 0.5),
            trained.config.thresholds.method: task.fit(labels, logits),
        }
        for method, values in thresholds.items():
            metrics = task.metrics(labels, logits, values)
            print(f"{f'{name}, {method}':<34}" + "".join(f"{metrics[each]:>12.4f}" for each in METRICS))


def baseline_logits(training: Records, validation: Records) -> np.ndarray:
    """Return the baseline's logits, shape (rows, classes), for the validation rows."""
    words = TfidfVectorizer(ngram_range=(1, 2))
    model = OneVsRestClassifier(LogisticRegression(max_iter=1000))
    model.fit(words.fit_transform(training.captions), training.labels)
    return model.decision_function(words.transform(validation.captions))


if __name__ == "__main__":
    raise SystemExit(main())
