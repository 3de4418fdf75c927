"""The fusions on the built-in sample, with both modalities, without captions and without images.

    python -m benchmarks.fusion                   # trains into runs/fusion-*, continues where it was stopped

Every model has the settings of configs/hybrid.yaml. Each predicts the test rows three times: as they are,
without captions, without images. The branches alone are the reference for a missing modality. The last model
trains the two branches first and then only the mixture of their logits.
"""

from collections.abc import Sequence
from dataclasses import replace

from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
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
    """Train each model that has no finished run, and print its row."""
    OneLineParser(
        description="The fusions on the built-in sample, with and without each modality."
    ).parse_args(argv)
    lines = ["| fusion | both | without captions | without images |", "| --- | ---: | ---: | ---: |"]
    for name, flags in MODELS.items():
        run = RunDirectory(RUNS / f"fusion-{name.replace(',', '').replace(' ', '-')}")
        if not run.finished:
            config = config_from_flags(["--model", "hybrid", "--run", str(run.path), *flags])
            train(config)
        scores = [f"{score:.4f}" for score in micro_f1(run)]
        lines.append(f"| {name} | {' | '.join(scores)} |")
    print("\nMicro-F1 on the test rows:\n", *lines, sep="\n")


def micro_f1(run: RunDirectory) -> list[float]:
    """Return the micro-F1 on the test rows as they are, without captions, and without images."""
    trained = restore(run)
    records, _ = read_test(trained.config)
    labels = read_test_labels(trained.config, trained.task, records)
    assert labels is not None, "the sample has labels for its test rows"
    nothing = [""] * len(records)
    scores = []
    for rows in (records, replace(records, captions=nothing), replace(records, images=nothing)):
        metrics = trained.task.metrics(labels, predict_logits(trained, rows), trained.thresholds)
        scores.append(float(metrics["micro_f1"] or 0))
    return scores


if __name__ == "__main__":
    raise SystemExit(main())
