"""Models of kmlc against what a user would pick instead: scikit-learn on the same rows.

    python -m benchmarks.accuracy --data DIR --weights FILE --preset DIR

The last fifth of the labelled rows is held out; of the others kmlc splits off validation rows. The baselines
are logistic regressions on TF-IDF, on frozen features of the images, and on both, stacked for each label on
the validation rows. They train on the same rows, and their thresholds are fitted to the same validation rows
by the same method. Everything is evaluated on the held-out rows, with bootstrap intervals, and of micro-F1
and mAP with the interval of the difference to the stacked baseline. Minutes include the features of all
images, with an empty cache.
"""

import csv
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks.text_baseline import baseline_logits
from benchmarks.whole_command import run_python
from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.config import CaptionsConfig, Config, TableConfig, ThresholdsConfig
from kmlc.data.records import LabelledData
from kmlc.errors import UserError
from kmlc.markdown import markdown_table
from kmlc.objectives.bootstrap import bootstrap, interval
from kmlc.objectives.metrics import evaluate, probabilities
from kmlc.objectives.resampled_metrics import ResampledMultilabel
from kmlc.objectives.thresholds import fit_thresholds, predict_labels
from kmlc.tasks.rows import read_labelled
from kmlc.training.prepare import prepare_data

METRICS = ("micro_f1", "samples_f1", "macro_f1", "macro_map")
COMPARED = ("micro_f1", "macro_map")
BASELINE = "scikit-learn, stacked"
RESAMPLES = 1000


@dataclass(frozen=True)
class Result:
    """Scores and predicted labels of the held-out rows, and what they cost."""

    scores: np.ndarray
    predicted: np.ndarray
    minutes: float
    memory: float | None = None


@command
def main(argv: Sequence[str]) -> None:
    """Train all, and print and write the table."""
    parser = OneLineParser(description="Models of kmlc against scikit-learn on the same rows.")
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--weights", required=True, help="weights file of MobileNetV2 (*.weights.h5)")
    parser.add_argument("--preset", required=True, help="folder of a pretrained BERT")
    parser.add_argument("--model", action="append", help="what to train, such as quick; all without it")
    parser.add_argument("--csv", type=Path, help="file for the numbers")
    arguments = parser.parse_args(argv)
    weights, preset = (str(Path(each).resolve()) for each in (arguments.weights, arguments.preset))
    flags = models(weights, preset)
    for name in arguments.model or flags:
        if name not in flags:
            raise UserError(f"--model: expected one of {', '.join(flags)}; got {name}")
    data = read_labelled(Config(data=arguments.data))
    training = len(data.records) * 4 // 5
    if not data.records.labels[:training].any(axis=0).all():
        raise UserError(
            f"{arguments.data}: a label is on the last fifth of the rows alone; expected more rows"
        )
    truth = data.records.labels[training:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_folder(folder / "data", Path(arguments.data), data, training)
        results = baselines(folder, data, training, weights)
        for model in arguments.model or flags:
            results[model] = trained(folder, model, flags[model], data)
    _print(table(results, truth), arguments.csv)


def models(weights: str, preset: str) -> dict[str, list[str]]:
    """Return the flags of `train.py` of each model by its name."""
    quick = ["--model", "quick", "--tower.weights", weights]
    return {
        "quick, images alone": [*quick, "--captions.encoder", "none"],
        "quick, captions alone": ["--model", "quick", "--tower.name", "none"],
        "quick": quick,
        "quick_text": ["--model", "quick_text", "--tower.weights", weights, "--captions.preset", preset],
    }


def _write_folder(folder: Path, source: Path, data: LabelledData, training: int) -> None:
    """Write a data folder whose test rows are the held-out ones; all.csv has all rows."""
    folder.mkdir()
    names = TableConfig()
    (folder / names.images).symlink_to((source / names.images).resolve())
    records = data.records
    columns = {names.image_column: records.ids.tolist()}
    columns |= data.vocabulary.columns(records.labels, names)
    frame = pd.DataFrame(columns | {names.caption_column: records.captions.tolist()})
    frame.to_csv(folder / "all.csv", index=False)
    frame[:training].to_csv(folder / names.train, index=False)
    frame[training:].drop(columns=names.label_column).to_csv(folder / names.test, index=False)


def baselines(folder: Path, data: LabelledData, training: int, weights: str) -> dict[str, Result]:
    """Return the results of scikit-learn on captions, on images, and on both."""
    records, names = data.records, {name: row for row, name in enumerate(data.records.ids.tolist())}
    config = Config(data=str(folder / "data"), captions=CaptionsConfig(encoder="bigram"))
    prepared = prepare_data(config, read_labelled(config))
    train, validation = (
        np.array([names[each] for each in split.ids.tolist()])
        for split in (prepared.training, prepared.validation)
    )
    held_out, labels = np.arange(training, len(records)), records.labels

    def result(logits: np.ndarray, minutes: float) -> Result:
        scores = probabilities(logits)
        fitted = fit_thresholds(labels[validation], scores[validation], ThresholdsConfig(), "micro", "top1")
        predicted = predict_labels(scores[held_out], fitted, "top1")
        return Result(scores[held_out], predicted, minutes)

    began = time.perf_counter()
    captions = baseline_logits(prepared.training, records)
    caption_minutes = (time.perf_counter() - began) / 60

    began = time.perf_counter()
    features = ["features", "--model", "quick", "--tower.weights", weights, "--table.train", "all.csv"]
    run_python(["-m", "kmlc", *features, "--data", str(folder / "data"), "--out", "features.npz"], folder)
    with np.load(folder / "features.npz") as archive:
        vectors = archive["X"]
    images = _logits(StandardScaler().fit(vectors[train]).transform(vectors), labels, train, strength=0.001)
    image_minutes = (time.perf_counter() - began) / 60

    began = time.perf_counter()
    stacked = np.zeros_like(captions)
    for place in range(labels.shape[1]):
        both = np.stack([captions[:, place], images[:, place]], axis=1)
        stacked[:, place] = _logits(both, labels[:, [place]], validation)[:, 0]
    stack_minutes = (time.perf_counter() - began) / 60
    return {
        "scikit-learn, TF-IDF": result(captions, caption_minutes),
        "scikit-learn, image features": result(images, image_minutes),
        BASELINE: result(stacked, caption_minutes + image_minutes + stack_minutes),
    }


def _logits(inputs: np.ndarray, labels: np.ndarray, rows: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Return the logits of all rows, (rows, classes), of logistic regressions trained on some."""
    model = OneVsRestClassifier(LogisticRegression(C=strength, max_iter=1000))
    logits = model.fit(inputs[rows], labels[rows]).decision_function(inputs)
    return np.asarray(logits).reshape(len(labels), -1)


def trained(folder: Path, model: str, flags: Sequence[str], data: LabelledData) -> Result:
    """Train a model of kmlc with an empty cache and predict the held-out rows, as a user does."""
    run = model.replace(" ", "-").replace(",", "")
    words = ["train", *flags, "--data", "data", "--run", run, "--cache.folder", f"{run}-cache"]
    training = run_python(["-m", "kmlc", *words], folder)
    outputs = ["--out", f"{run}.csv", "--proba", f"{run}-scores.csv"]
    predicting = run_python(["-m", "kmlc", "predict", "--run", run, *outputs], folder)
    scores = pd.read_csv(folder / f"{run}-scores.csv")[list(data.vocabulary.labels)].to_numpy()
    submission = pd.read_csv(folder / f"{run}.csv", dtype=str, keep_default_na=False)
    cells = submission[TableConfig().label_column].str.split()
    predicted = data.vocabulary.encode(cells)
    return Result(
        scores,
        predicted,
        (training.wall + predicting.wall) / 60,
        max(training.memory, predicting.memory),
    )


def table(results: dict[str, Result], truth: np.ndarray) -> list[dict[str, str]]:
    """Return a row for each result: metrics with intervals, differences to the baseline, and costs."""
    resampled = {
        name: bootstrap(
            ResampledMultilabel(truth, each.scores, each.predicted, 32), len(truth), RESAMPLES, seed=42
        )
        for name, each in results.items()
    }
    rows = []
    for name, each in results.items():
        metrics = evaluate(truth, each.scores, each.predicted)
        row = {"model": name}
        for metric in METRICS:
            row[metric] = f"{metrics[metric]:.4f} ({_range(resampled[name][metric])})"
        for metric in COMPARED:
            differences = resampled[name][metric] - resampled[BASELINE][metric]
            row[f"{metric} - baseline"] = "" if name == BASELINE else _range(differences, "+")
        row["minutes"] = f"{each.minutes:.1f}"
        row["peak_mb"] = "" if each.memory is None else f"{each.memory:.0f}"
        rows.append(row)
    return rows


def _range(values: np.ndarray, sign: str = "") -> str:
    low, high = interval(values)
    return f"{low:{sign}.4f} to {high:{sign}.4f}"


def _print(rows: Sequence[dict[str, str]], path: Path | None) -> None:
    print(markdown_table(list(rows[0]), [list(row.values()) for row in rows]))
    if path:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    raise SystemExit(main())
