"""From records to batches: tf.data pipelines that decode, augment and encode."""

import re
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from kmlc.config import Config
from kmlc.data.augment import augment_resized_batch, row_keys, uniform
from kmlc.data.boundary_values import BoundaryValues, Inputs, StoredValues
from kmlc.data.caption_encoders import NO_CAPTIONS, CaptionEncoder
from kmlc.data.columns import STRING, encoded, filled, strings
from kmlc.data.crop_flip import CropFlip, RandomCropFlip, read_image
from kmlc.data.images import PLACEHOLDER
from kmlc.data.records import Records
from kmlc.data.tta import WHOLE, View
from kmlc.errors import UserError, reason_of
from kmlc.printable import one_line

VERSION = 2
"""To be increased with every change of how images are decoded, turned, resized or augmented, or captions are
encoded: what was computed from other inputs is not read from the cache then (`kmlc.training.store_key`)."""
MODALITY_DROPOUT = 100
"""The number of its draws (`kmlc.data.augment.uniform`)."""
CACHED_VIEW = 101
"""The number of the draw of one of the views of `cache.views`."""


@tf.autograph.experimental.do_not_convert  # the functions use TensorFlow's own control flow
def training_batches(
    records: Records,
    config: Config,
    encode: CaptionEncoder,
    first_epoch: int = 0,
    values: BoundaryValues | None = None,
) -> tuple[tf.data.Dataset, int]:
    """Return shuffled, augmented batches of all epochs from `first_epoch` on, and the steps of one epoch.

    The order of an epoch depends on (seed, epoch) and the augmentation of a row on (seed, epoch, row), so a
    resumed run gets the batches that it would have got without the stop. The last batch of an epoch may be
    smaller.

    Args:
        records: rows with labels.
        config: `images.size` is resolved to a number.
        encode: the caption encoder.
        first_epoch: index of the first epoch, from 0.
        values: the values at the model's boundary, which replace what they are computed from. Then each epoch
            has one of the views of an image that `cache.views` allows: the image itself, or it augmented.

    Returns:
        A dataset of (inputs by name, float32 labels of shape (batch, classes)) for `model.fit`, and its
        `steps_per_epoch`.
    """
    rows = _Rows(records, config, encode, values or {})

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = tf.random.experimental.stateless_fold_in(tf.constant([config.seed, 0], tf.int64), epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(records)), seed)
        numbers = tf.data.Dataset.from_tensor_slices(order).batch(config.train.batch_size)
        return numbers.map(lambda batch: (batch, epoch))

    def read(batch: tf.Tensor, epoch: tf.Tensor) -> tuple[Inputs, tf.Tensor]:
        inputs = rows.inputs(batch, epoch)
        return inputs, tf.cast(inputs.pop("labels"), tf.float32)

    epochs = tf.data.Dataset.range(first_epoch, config.train.epochs, output_type=tf.int32)
    batches = epochs.flat_map(one_epoch).map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return rows.kept_with(batches.prefetch(tf.data.AUTOTUNE)), -(-len(records) // config.train.batch_size)


@tf.autograph.experimental.do_not_convert
def evaluation_batches(
    records: Records,
    config: Config,
    encode: CaptionEncoder,
    view: View = WHOLE,
    values: BoundaryValues | None = None,
    cached_view: int = 0,
) -> tf.data.Dataset:
    """Return batches of inputs by name: every row once, in order, without augmentation and without labels.

    Args:
        records: the rows.
        config: `images.size` is resolved to a number.
        encode: the caption encoder.
        view: the view of each image, for test-time augmentation.
        values: the values at the model's boundary, which replace what they are computed from.
        cached_view: number of the view of `cache.views`; 0 is the image without augmentation.
    """
    rows = _Rows(records, config, encode, values or {}, view, cached_view)
    numbers = tf.data.Dataset.range(len(records), output_type=tf.int32).batch(config.train.batch_size)
    batches = numbers.map(rows.inputs, num_parallel_calls=tf.data.AUTOTUNE)
    return rows.kept_with(batches.prefetch(tf.data.AUTOTUNE))


@contextmanager
def unreadable_images() -> Iterator[None]:
    """Raise a `UserError` for an image that went missing or broke since it was checked.

    TensorFlow makes an error of its own of what is raised while a batch is read.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(f"UserError: (.*{_UNREADABLE}.*)", error.message)
        if found is None:
            raise
        raise UserError(found[1]) from None


_UNREADABLE = "the image cannot be read any more"


class _Rows:
    """The rows of a table, from their numbers to batches of inputs.

    The table stays in NumPy, and one Python function looks up a batch and reads its images: a copy of the
    table in TensorFlow's graph would take a multiple of its size, and TensorFlow spends as much on handing an
    image from one operation to the next as on decoding it.
    """

    def __init__(
        self,
        records: Records,
        config: Config,
        encode: CaptionEncoder,
        values: BoundaryValues,
        view: View = WHOLE,
        cached_view: int = 0,
    ) -> None:
        self.records, self.config, self.values = records, config, values
        self.view, self.cached_view = view, cached_view
        self.stored = {name: each for name, each in values.items() if isinstance(each, StoredValues)}
        self.encode = NO_CAPTIONS if "caption" in self.stored else encode
        self.captions = self.encode.prepared(records.captions)
        self.empty = self.encode.prepared(strings([""]))[0]
        self.uses_image = config.tower.input == "image"
        self.uses_caption = config.captions.encoder != "none"
        self.dropped = config.fusion.modality_dropout if self.uses_image and self.uses_caption else 0.0

    def kept_with(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Return a dataset of these rows, which are in memory as long as it is."""
        batches.rows = self
        return batches

    def inputs(self, rows: tf.Tensor, epoch: tf.Tensor | None = None) -> Inputs:
        """Return the inputs by name of the rows with these numbers.

        With an epoch, as in training, images are augmented, modality dropout may drop the image or
        the caption of a row that has both, and `labels` are there too, uint8 of shape (batch, classes).
        """
        nothing = self._columns(np.zeros(0, np.int32), None if epoch is None else 0)
        names, columns = zip(*nothing.items(), strict=True)
        # TensorFlow never forgets the function, and so must not hold the table with it.
        table = weakref.proxy(self)
        tensors = tf.numpy_function(
            lambda *arguments: list(table._columns(*arguments).values()),
            [rows] if epoch is None else [rows, epoch],
            [tf.string if each.dtype == object else each.dtype for each in columns],
            stateful=False,
        )
        for tensor, column in zip(tensors, columns, strict=True):
            tensor.set_shape((None, *column.shape[1:]))
        found = dict(zip(names, tensors, strict=True))
        if "keys" in found:
            augmented, keys = found.pop("augmented"), found.pop("keys")
            found["image"] = augment_resized_batch(found["image"], augmented, self.config.images, keys)
        if self.uses_caption and "caption" not in self.stored:
            found |= self.encode.inputs(found.pop("caption"))
        for each in self.values.values():
            found = each.replace(found)
        return found

    def _columns(self, rows: np.ndarray, epoch: int | None = None) -> dict[str, np.ndarray]:
        """Return the columns of a batch.

        A placeholder image and an empty caption fill in for what a row lacks; the masks `image_present` and
        `caption_present`, int32 of shape (rows, 1), say so to a model that reads them. Where the values at
        the boundary are stored, their places are the input.
        """
        records, views = self.records, self.config.cached_views
        has_image = np.array([image not in ("", b"") for image in records.images[rows]], bool)
        has_caption = filled(records.captions[rows])
        numbers = np.full(len(rows), self.cached_view, np.int32)
        keys = None if epoch is None else row_keys(self.config.seed, int(epoch), rows)
        if keys is not None and self.dropped:
            draws = uniform(keys, MODALITY_DROPOUT)
            both = has_image & has_caption
            has_image &= ~(both & (draws < self.dropped / 2))
            has_caption &= ~(both & (draws >= self.dropped / 2) & (draws < self.dropped))
        if keys is not None and views > 1:
            numbers = (views * uniform(keys, CACHED_VIEW)).astype(np.int32)
        found = {} if keys is None else {"labels": records.labels[rows]}
        if "caption" in self.stored:
            found["caption"] = self.stored["caption"].place(rows, has_caption, 0)
        elif self.uses_caption:
            kept = self.captions[rows]
            kept[~has_caption] = self.empty
            found["caption"] = encoded(kept) if kept.dtype == STRING else kept
        if "image" in self.stored:
            found["image"] = self.stored["image"].place(rows, has_image, numbers)
        elif self.uses_image:
            found |= self._images(rows, has_image, numbers, keys)
        if self.config.fusion.reads_presence:
            present = {"image_present": has_image} if self.uses_image else {}
            present |= {"caption_present": has_caption} if self.uses_caption else {}
            found |= {name: mask[:, None].astype(np.int32) for name, mask in present.items()}
        if records.features is not None:
            found["features"] = records.features[rows]
        return found

    def _images(
        self, rows: np.ndarray, present: np.ndarray, views: np.ndarray, keys: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """Return the images of a batch, uint8 (rows, size, size, 3), and how they are still to be augmented.

        Those that are `augmented`, a mask, are cropped and flipped here by the keys of their augmentation,
        int64 (rows, 2), which the transforms that follow read too; without augmentation neither is returned.
        """
        if keys is not None and "image" not in self.values:
            augmented = present
        elif self.config.cached_views > 1:
            augmented = present & (views > 0)
            # The same image has the same views in every split, and in every study.
            contents = [int(sha256[:15] or b"0", 16) for sha256 in self.records.sha256[rows].tolist()]
            keys = np.stack([np.array(contents, np.int64), views.astype(np.int64)], axis=1)
        else:
            return {"image": self._pixels(rows, [self.view if each else None for each in present])}
        crop_flips = [
            (RandomCropFlip(self.config.images, row_key) if changed else self.view) if there else None
            for there, changed, row_key in zip(present, augmented, keys, strict=True)
        ]
        return {"image": self._pixels(rows, crop_flips), "augmented": augmented, "keys": keys}

    def _pixels(self, rows: np.ndarray, crop_flips: Sequence[CropFlip | None]) -> np.ndarray:
        """Read, decode and resize the images of a batch; those without a crop_flip are the placeholder."""
        size = self.config.images.resolved_size
        pixels = np.full((len(rows), size, size, 3), PLACEHOLDER, np.uint8)
        orientations = self.records.orientations[rows].tolist()
        for place, (row, crop_flip) in enumerate(zip(rows, crop_flips, strict=True)):
            if crop_flip is not None:
                try:
                    pixels[place] = read_image(self.records.images[row], orientations[place], crop_flip, size)
                except MemoryError:
                    raise
                except Exception as error:  # it was read before; decoders raise anything on broken data
                    name = one_line(str(self.records.ids[row]))
                    raise UserError(f"{name}: {_UNREADABLE}: {reason_of(error)[:200]}") from None
        return pixels
