"""The input pipeline in processor time, compared with decoding alone; no model, no cache.

    python -m benchmarks.input                            # the built-in sample
    python -m benchmarks.input --data DIR --csv FILE      # another data folder; the table also as CSV

One pass over the images: decoded only (`tf.io.decode_jpeg` in a parallel map), the batches of evaluation, and
those of training with crop and flip and with system 1's whole augmentation. They take turns; the times are
medians. Processor time is that of all threads of the process, so that other processes disturb it little.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import tensorflow as tf
from PIL import Image

from benchmarks.pixel_cache import training, validation
from kmlc.arguments import OneLineParser
from kmlc.commands.process import command
from kmlc.config import CaptionsConfig, Config, ImagesConfig, TrainConfig
from kmlc.data.crop_flip import resize
from kmlc.data.images import decode
from kmlc.data.records import Records
from kmlc.settings import CONFIGS, layered
from kmlc.tasks.rows import read_labelled


@command
def main(argv: Sequence[str]) -> None:
    """Print the milliseconds an image of each, its rate relative to decoding, and the PSNR."""
    parser = OneLineParser(description="The input pipeline compared with decoding alone.")
    parser.add_argument("--data", help="data folder; the built-in sample without it")
    parser.add_argument("--size", type=int, default=224, help="height and width of the input")
    parser.add_argument("--rows", type=int, default=500, help="most rows of one pass")
    parser.add_argument("--repeats", type=int, default=5, help="passes of each")
    parser.add_argument("--csv", type=Path, help="write the table to this file too")
    arguments = parser.parse_args(argv)
    config = Config(data=arguments.data, captions=CaptionsConfig("none"), train=TrainConfig(epochs=1))
    crop_and_flip = replace(config, images=ImagesConfig(size=arguments.size))
    system1 = replace(layered([CONFIGS / "system1.yaml"]).images, size=arguments.size)
    records = read_labelled(config).records
    records = records.take(np.arange(min(len(records), arguments.rows)))
    pipelines = {
        "decoding": decoding(records),
        "evaluation": validation(records, crop_and_flip),
        "training: crop, flip": training(records, crop_and_flip),
        "training: system 1": training(records, replace(config, images=system1)),
    }
    table = pd.DataFrame({"ms": milliseconds(pipelines, len(records), arguments.repeats)})
    table["rate"] = table["ms"]["decoding"] / table["ms"]
    print(f"{len(records):,} images at {arguments.size}, median of {arguments.repeats} passes")
    print(f"{os.cpu_count()} CPU cores; ms: processor time an image; rate: relative to decoding")
    print(table.round(3).to_string())
    print(f"PSNR against Pillow's antialiased resizing: {psnr(records, arguments.size):.1f} dB")
    if arguments.csv:
        table.round(4).to_csv(arguments.csv, index_label="pipeline")


def decoding(records: Records) -> tf.data.Dataset:
    """Return one batch, the last image alone, after all were decoded in parallel."""
    paths = tf.data.Dataset.from_tensor_slices(records.images)
    images = paths.map(
        lambda path: tf.io.decode_jpeg(tf.io.read_file(path), channels=3), num_parallel_calls=tf.data.AUTOTUNE
    )
    return images.skip(len(records) - 1)


def milliseconds(pipelines: dict[str, tf.data.Dataset], images: int, repeats: int) -> dict[str, float]:
    """Return the processor time an image of each, without the first passes, which trace."""
    timings: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(repeats + 1):
        for name, batches in pipelines.items():
            start = time.process_time()
            for _ in batches:
                pass
            timings[name].append(1000 * (time.process_time() - start) / images)
    return {name: median(each[1:]) for name, each in timings.items()}


def psnr(records: Records, size: int) -> float:
    """Return the mean peak signal-to-noise ratio to Pillow's resizing, in dB; 100 where images are equal."""
    ratios = []
    for path in records.images:
        pixels = decode(Path(str(path)).read_bytes())
        signal = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
        error = np.mean((np.asarray(signal, np.float32) - resize(pixels, size)) ** 2)
        ratios.append(10 * np.log10(255**2 / error) if error else 100.0)
    return float(np.mean(ratios))


if __name__ == "__main__":
    raise SystemExit(main())
