"""The fusions on the built-in sample, with and without each modality.

    python -m benchmarks.fusion                   # trains into runs/fusion-*, continues where it was stopped
    python -m benchmarks.fusion --fusion concat --fusion join

Every model has the settings of configs/hybrid.yaml. Each predicts the test rows three times: as they are,
without captions, and without images. A branch alone is the best that can be expected without the other
modality. The last model trains the two branches alone first, and then only the mix of their logits.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.data.columns import STRING
from kmlc.errors import UserError
from kmlc.prediction.predictor import predict_logits
from kmlc.settings import config_from_flags
from kmlc.tasks.rows import read_test, read_test_labels
from kmlc.training.restore import restore
from kmlc.training.run_directory import RUNS, RunDirectory
from kmlc.training.train import train

DROPPED = ["--fusion.modality_dropout", "0.3"]
MODELS = {
    "image alone": ["--captions.encoder", "none"],
    "caption alone": ["--tower.name", "none"],
    "concat": [],
    "concat, modality dropout": DROPPED,
    "join": ["--fusion.name", "join"],
    "join, modality dropout": ["--fusion.name", "join", *DROPPED],
    "gated": ["--fusion.name", "gated"],
    "gated, modality dropout": ["--fusion.name", "gated", *DROPPED],
    "late": ["--fusion.name", "late"],
    "late, modality dropout": ["--fusion.name", "late", *DROPPED],
    "late, branches first": [
        *("--fusion.name", "late"),
        *("--fusion.image_run", str(RUNS / "fusion-image-alone")),
        *("--fusion.caption_run", str(RUNS / "fusion-caption-alone")),
    ],
}


@command
def main(argv: Sequence[str]) -> None:
    """Train each model that has no finished run, and print a table of all."""
    parser = OneLineParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fusion", action="append", help=f"one of {', '.join(MODELS)}; may be repeated")
    chosen = parser.parse_args(argv).fusion or MODELS
    for name in chosen:
        if name not in MODELS:
            raise UserError(f"--fusion: expected one of {', '.join(MODELS)}; got {name}")
    lines = ["| fusion | both | without captions | without images |", "| --- | ---: | ---: | ---: |"]
    for name in chosen:
        run = RunDirectory(RUNS / f"fusion-{name.replace(',', '').replace(' ', '-')}")
        if not run.finished:
            config = config_from_flags(["--model", "hybrid", "--run", str(run.path), *MODELS[name]])
            train(config)
        lines.append(f"| {name} | {' | '.join(scores(run))} |")
    print("\nMicro-F1 / macro mAP on the test rows:\n", *lines, sep="\n")


def scores(run: RunDirectory) -> list[str]:
    """Return the scores on the test rows as they are, without captions, and without images."""
    trained = restore(run)
    records, _ = read_test(trained.config)
    known = read_test_labels(trained.config, trained.task, records)
    assert known is not None, "the sample has labels for its test rows"
    nothing = np.zeros(len(records), STRING)
    cells = []
    for rows in (records, replace(records, captions=nothing), replace(records, images=nothing)):
        metrics = trained.task.metrics(known.encoded, predict_logits(trained, rows), trained.thresholds)
        cells.append(" / ".join(f"{metrics[name] or 0:.4f}" for name in ("micro_f1", "macro_map")))
    return cells


if __name__ == "__main__":
    raise SystemExit(main())
