"""A cache of decoded images, shared by trainings on the same rows and by their processes.

The cache is a folder of uncompressed BMP files. The pipeline reads them like any image, only faster, and the
operating system keeps them in memory, once for all processes. The pixels come from the decoder that training
uses, so the batches are bit-identical. The cache saves the decoding but not the antialiased resizing
(benchmarks/pixel_cache.py), which helps where the pipeline is the bottleneck.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from kmlc.data.columns import strings
from kmlc.data.images import decode
from kmlc.data.records import Records
from kmlc.errors import UserError
from kmlc.files import write_with
from kmlc.lock import locked
from kmlc.progress import ProgressBar


def cached(records: Records, folder: Path, limit_bytes: int) -> Records:
    """Return the rows with the paths of decoded copies; missing copies are made.

    A changed file is decoded again. Several processes may call this at once: one decodes, the others wait for
    it. Rows beyond the limit keep their own path. So do rows that do not fit on a full disk, and a message
    says so.

    Args:
        records: rows whose images were checked; rows without an image are not changed.
        folder: the cache, on a disk or in memory (a tmpfs such as /dev/shm); created if missing, removed by
            the caller.
        limit_bytes: the largest size of all copies in the folder. An image takes 3 bytes a pixel.

    Raises:
        UserError: if the folder cannot be created.

    Example:
        data = replace(data, records=cached(data.records, Path("study/cache"), 8 * 10**9))
    """
    originals = [image for image in dict.fromkeys(records.images) if image and isinstance(image, str)]
    copies = {path: folder / _name(Path(path)) for path in originals}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: decoded images cannot be kept there: {error.strerror}") from None
    with locked(folder, wait=True):
        missing = {path: copy for path, copy in copies.items() if not copy.is_file()}
        if missing:
            _fill(folder, missing, limit_bytes)
    cached = {path: str(copy) for path, copy in copies.items() if copy.is_file()}
    return replace(records, images=strings(cached.get(image, image) for image in records.images))


def _name(path: Path) -> str:
    """Return the name of the copy, which depends on path, size and modification time of the file."""
    path, state = path.absolute(), path.stat()
    return hashlib.sha256(f"{path}\n{state.st_size}\n{state.st_mtime_ns}".encode()).hexdigest() + ".bmp"


def _fill(folder: Path, missing: Mapping[str, Path], limit_bytes: int) -> None:
    """Decode files into their copies, in order, until the limit is reached or the disk is full."""
    room = limit_bytes - sum(file.stat().st_size for file in folder.glob("*.bmp"))
    pixels = tf.data.Dataset.from_tensor_slices(list(missing)).map(
        lambda path: tf.numpy_function(_decoded, [path], tf.uint8, stateful=False),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    with ProgressBar(len(missing), "decoding images:", unit="images") as bar:
        for copy, image in zip(missing.values(), pixels.as_numpy_iterator(), strict=True):
            room -= bmp_bytes(*image.shape[:2])
            if room < 0:
                return
            try:
                write_with(copy, Image.fromarray(image).save)
            except UserError as error:
                bar.clear()
                print(f"{error}; {len(missing) - bar.n:,} images will be decoded in every epoch", flush=True)
                return
            bar.update()


def _decoded(path: bytes) -> np.ndarray:
    return decode(Path(os.fsdecode(path)).read_bytes())


def bmp_bytes(height: int, width: int) -> int:
    """Return the size of a 24-bit BMP file: two headers, and rows padded to a multiple of four bytes."""
    return 54 + height * -(-3 * width // 4) * 4
