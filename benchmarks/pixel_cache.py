"""The input pipeline with and without decoded copies of the images, in rows per second; no model.

    python -m benchmarks.pixel_cache                # the built-in sample
    python -m benchmarks.pixel_cache --data DIR     # another data folder

One pass over the rows with the hybrid's default augmentation, and one without, as in validation. The copies
are on disk and read from the operating system's page cache, as in a study's second epoch. Originals and
copies alternate; the rates are medians.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf

from benchmarks.augmentation import seconds
from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.config import CaptionsConfig, Config, ImagesConfig, TrainConfig
from kmlc.data.batches import evaluation_batches, training_batches
from kmlc.data.caches.pixels import cached
from kmlc.data.caption_encoders import caption_encoder
from kmlc.data.encoder_state import EncoderState
from kmlc.data.records import Records
from kmlc.tasks.rows import read_labelled

SIZES = (64, 224)


@command
def main(argv: Sequence[str]) -> None:
    """Print the rows per second with and without the copies, and the ratio, at each size."""
    parser = OneLineParser(description="The input pipeline with and without decoded copies of the images.")
    parser.add_argument("--data", help="data folder; the built-in sample without it")
    parser.add_argument("--rows", type=int, default=1000, help="most rows of one pass")
    parser.add_argument("--repeats", type=int, default=5, help="passes of each")
    arguments = parser.parse_args(argv)
    config = Config(data=arguments.data, captions=CaptionsConfig("none"), train=TrainConfig(epochs=1))
    records = read_labelled(config).records
    records = records.take(np.arange(min(len(records), arguments.rows)))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        copies = cached(records, Path(folder), 10**12)
        elapsed = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        print(f"{len(records):,} rows decoded in {elapsed:.1f} s to {size / 1e6:,.0f} MB")
        print(f"rows/s, median of {arguments.repeats}, {os.cpu_count()} CPU cores")
        print(f"{'':<18}{'originals':>10}{'copies':>10}{'ratio':>8}")
        for side in SIZES:
            sized = replace(config, images=ImagesConfig(size=side))
            for split, make in {"training": training, "validation": validation}.items():
                pipelines = [make(records, sized), make(copies, sized)]
                originals, decoded = rates(pipelines, len(records), arguments.repeats)
                name = f"{split} at {side}"
                print(f"{name:<18}{originals:>10.0f}{decoded:>10.0f}{decoded / originals:>8.2f}")


def training(records: Records, config: Config) -> tf.data.Dataset:
    """Return the batches of one epoch."""
    return training_batches(records, config, caption_encoder(config.captions, EncoderState()))[0]


def validation(records: Records, config: Config) -> tf.data.Dataset:
    """Return the validation batches of one epoch."""
    return evaluation_batches(records, config, caption_encoder(config.captions, EncoderState()))


def rates(pipelines: list[tf.data.Dataset], rows: int, repeats: int) -> list[float]:
    """Return the rows per second of each, without the first passes, which trace and read from disk."""
    timings = [[seconds(batches) for batches in pipelines] for _ in range(repeats + 1)]
    return [rows / median(each) for each in zip(*timings[1:], strict=True)]


if __name__ == "__main__":
    raise SystemExit(main())
