"""Training steps on a GPU: images/s, MFU and peak memory of kmlc's models, beside timm's on PyTorch.

    sh benchmarks/gpu.sh                                            # on PyTorch and JAX, those that are there
    KERAS_BACKEND=torch python -m benchmarks.gpu --model resnet50   # one model on one backend

It needs neither TensorFlow nor data: random images lie on the GPU. A step is forward, backward and Adam, and
its loss is read. Each variant runs in a process of its own and takes turns with the others; numbers are
medians. MFU is three times the operations of a forward pass, times images/s, over the peak of the GPU.
"""

import csv
import multiprocessing
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from kmlc.arguments import OneLineParser

TIMM = {
    "resnet50": "resnet50",
    "mobilenetv2": "mobilenetv2_100",
    "efficientnetb0": "efficientnet_b0",
    "convnext_tiny": "convnext_tiny",
    "vgg16": "vgg16",
    "hybrid": "",
}
"""The same architecture in timm by the name of kmlc's model; timm has no hybrid."""
PRECISIONS = ("float32", "mixed_float16")
PEAKS = {"H200": (495, 989), "H100": (495, 989), "A100": (156, 312), "L4": (60, 121), "T4": (8.1, 65)}
"""Dense TFLOP/s by the name of the GPU, in TF32, which both libraries use for float32 (a T4 has none), and in
float16. Source: NVIDIA's data sheets."""
CLASSES = 18
WARM_UP = 5


class Measured(NamedTuple):
    """Images per second, operations of the forward pass of one image, peak of the GPU's memory in MB."""

    rate: float
    operations: float
    memory: float


def main(argv: Sequence[str]) -> None:
    """Measure each variant in turn, and print the medians and their ratio to timm's."""
    parser = OneLineParser(description="Training steps on a GPU, on the backend of KERAS_BACKEND.")
    parser.add_argument("--model", nargs="+", choices=[*TIMM], help="only these")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--size", type=int, default=224, help="image size in pixels")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of a measurement")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each variant")
    parser.add_argument("--csv", type=Path, help="file to write the medians to")
    options = parser.parse_args(argv)
    backend = os.environ.setdefault("KERAS_BACKEND", "torch")
    has_timm = backend == "torch" and find_spec("timm") is not None
    print(f"{backend}, {_in_process(device_name, backend)}" + ("" if has_timm else "; without timm"))
    header = ("backend", "model", "library", "precision", "images/s", "MFU", "peak MB", "to timm")
    rows = [header]
    print(_line(header))
    for model in options.model or TIMM:
        libraries = ("timm", "kmlc") if has_timm and TIMM[model] else ("kmlc",)
        variants = [(library, precision) for precision in PRECISIONS for library in libraries]
        found: dict[tuple[str, str], list[Measured]] = {variant: [] for variant in variants}
        for _ in range(options.repeats):
            for variant in variants:
                found[variant].append(_in_process(measure, backend, model, *variant, options))
        medians = {variant: Measured(*map(median, zip(*found[variant], strict=True))) for variant in variants}
        for (library, precision), each in medians.items():
            timm = medians.get(("timm", precision))
            ratio = f"{each.rate / timm.rate:.2f}" if timm else ""
            numbers = (f"{each.rate:.1f}", _in_process(mfu, backend, each, precision), f"{each.memory:.0f}")
            rows.append((backend, model, library, precision, *numbers, ratio))
            print(_line(rows[-1]), flush=True)
    if options.csv:
        with options.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def measure(backend: str, model: str, library: str, precision: str, options: Namespace) -> Measured:
    """Return the rate of the training steps of one variant."""
    step, operations = (_timm if library == "timm" else _kmlc)(backend, model, precision, options)
    for _ in range(WARM_UP):
        step()
    start = time.perf_counter()
    for _ in range(options.steps):
        step()
    seconds = time.perf_counter() - start
    return Measured(options.steps * options.batch_size / seconds, operations, _peak_megabytes(backend))


def device_name(backend: str) -> str:
    """Return the name of the GPU, or cpu."""
    if backend == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def mfu(backend: str, measured: Measured, precision: str) -> str:
    """Return the share of the GPU's peak that the operations of the model use; nothing if that is unknown."""
    name = device_name(backend)
    peaks = [peak for known, peak in PEAKS.items() if known in name]
    if not peaks:
        return ""
    return f"{3 * measured.operations * measured.rate / (peaks[0][PRECISIONS.index(precision)] * 1e12):.3f}"


def _kmlc(backend: str, name: str, precision: str, options: Namespace) -> tuple[Callable[[], Any], float]:
    """Return the training step of one of our models without captions, and its operations an image."""
    import keras
    import numpy as np

    from kmlc.data.encoder_state import EncoderState
    from kmlc.models.build import build_model
    from kmlc.settings import config_from_flags

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy(precision)
    settings = {"model": name, "images.size": options.size, "captions.encoder": "none"}
    config = config_from_flags([f"--{key}={value}" for key, value in settings.items()])
    model = build_model(config, {"labels": CLASSES}, EncoderState())
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(config.train.learning_rate), loss)
    images, labels = _batch(options)
    inputs = {"image": images, "image_present": np.ones((options.batch_size, 1), np.int32)}
    on_device = {name: keras.ops.convert_to_tensor(inputs[name]) for name in model.input}
    target = keras.ops.convert_to_tensor(labels)
    count = _operations_on_jax if backend == "jax" else _operations_on_torch
    operations = count(lambda batch: model(batch, training=False), on_device, options.batch_size)
    return lambda: model.train_on_batch(on_device, target), operations


def _timm(backend: str, name: str, precision: str, options: Namespace) -> tuple[Callable[[], Any], float]:
    """Return the training step of timm's model, as a PyTorch script would have it, and its operations."""
    import timm
    import torch

    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = timm.create_model(TIMM[name], num_classes=CLASSES).to(device)
    model = model.to(memory_format=torch.channels_last)
    optimizer, loss = torch.optim.Adam(model.parameters()), torch.nn.BCEWithLogitsLoss()
    mixed = precision == "mixed_float16"
    scaler = torch.amp.GradScaler(device.type, enabled=mixed)
    pixels, truth = (torch.from_numpy(each).to(device) for each in _batch(options))
    images = pixels.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    operations = _operations_on_torch(model, images, options.batch_size)

    def step() -> float:
        with torch.autocast(device.type, torch.float16, enabled=mixed):
            logits = model(images)
        value = loss(logits.float(), truth)
        optimizer.zero_grad()
        scaler.scale(value).backward()
        scaler.step(optimizer)
        scaler.update()
        return value.item()

    return step, operations


def _batch(options: Namespace) -> "tuple[Any, Any]":
    """Return random pixels, float32 (batch, size, size, 3) from 0 to 255, and multi-hot labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (options.batch_size, options.size, options.size, 3)).astype(np.float32)
    return images, rng.integers(0, 2, (options.batch_size, CLASSES)).astype(np.float32)


def _operations_on_torch(forward: Callable[[Any], Any], batch: Any, rows: int) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward(batch)
    return counter.get_total_flops() / rows


def _operations_on_jax(forward: Callable[[Any], Any], batch: Any, rows: int) -> float:
    import jax

    return jax.jit(forward).lower(batch).cost_analysis()["flops"] / rows


def _peak_megabytes(backend: str) -> float:
    if backend == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0) / 1e6
    import torch

    return torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0


def _in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own, so that no variant inherits another's memory or settings."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _line(cells: Sequence[str]) -> str:
    return f"{cells[0]:<8}{cells[1]:<16}{cells[2]:<8}{cells[3]:<15}" + "".join(
        f"{cell:>10}" for cell in cells[4:]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
