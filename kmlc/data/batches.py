"""From records to batches: tf.data pipelines that decode, augment and encode."""

import numpy as np
import tensorflow as tf

from kmlc.config import Config
from kmlc.data.augment import augment, epoch_key, fold_in
from kmlc.data.boundary_values import BoundaryValues, StoredValues
from kmlc.data.caption_encoders import NO_CAPTIONS, CaptionEncoder
from kmlc.data.columns import STRING, encoded, strings
from kmlc.data.images import decode, placeholder_image, read_image, resize, turn
from kmlc.data.records import Records
from kmlc.data.tta import WHOLE, View, apply_view

VERSION = 1
"""To be increased with every change of how images are decoded, turned, resized or augmented, or captions are
encoded: what was computed from other inputs is not read from the cache then (`kmlc.training.frozen`)."""
MODALITY_DROPOUT = 100
"""The number that is folded into the key of its draws, in addition to those of `kmlc.data.augment`."""
CACHED_VIEW = 101
"""The number that is folded in for the draw of one of the views of `cache.views`."""


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
        key = epoch_key(config.seed, epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(records)), key)
        return rows.batches(tf.data.Dataset.from_tensor_slices(order), key)

    def with_labels(inputs: Inputs) -> tuple[Inputs, tf.Tensor]:
        labels = tf.cast(inputs["labels"], tf.float32)
        return {name: each for name, each in inputs.items() if name != "labels"}, labels

    epochs = tf.data.Dataset.range(first_epoch, config.train.epochs, output_type=tf.int32)
    batches = epochs.flat_map(one_epoch).map(with_labels)
    return batches.prefetch(tf.data.AUTOTUNE), -(-len(records) // config.train.batch_size)


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
    numbers = tf.data.Dataset.range(len(records), output_type=tf.int32)
    batches = rows.batches(numbers, None).prefetch(tf.data.AUTOTUNE)
    # Keras asks for it, and it is lost where rows are taken apart and put together again.
    return batches.apply(tf.data.experimental.assert_cardinality(-(-len(records) // config.train.batch_size)))


Inputs = dict[str, tf.Tensor]
"""Tensors of a row, or of a batch of rows, by name."""


class _Rows:
    """The rows of a table, from their numbers to batches: looked up, images read, captions encoded.

    The table stays in NumPy: one function looks up each batch. A copy in TensorFlow's graph would take a
    multiple of its size.
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
        self.records, self.config, self.values, self.view = records, config, values, view
        self.stored = {name: each for name, each in values.items() if isinstance(each, StoredValues)}
        self.encode = NO_CAPTIONS if "caption" in self.stored else encode
        self.captions = self.encode.prepared(records.captions)
        self.empty = self.encode.prepared(strings([""]))[0]
        self.uses_image = config.tower.input == "image"
        self.uses_caption = config.captions.encoder != "none"
        self.reads_images = self.uses_image and "image" not in self.stored
        self.dropped = config.fusion.modality_dropout if self.uses_image and self.uses_caption else 0.0
        self.views, self.cached_view = config.cached_views, cached_view

    def batches(self, rows: tf.data.Dataset, key: tf.Tensor | None) -> tf.data.Dataset:
        """Return batches of the inputs by name of the rows with these numbers, in this order.

        With a key, as in training, images are augmented, modality dropout may drop the image or the caption
        of a row that has both, and `labels` are there too, uint8 of shape (batch, classes).
        """
        size = self.config.train.batch_size
        found = rows.batch(size).map(
            lambda batch: self._look_up(batch, key), num_parallel_calls=tf.data.AUTOTUNE
        )
        if self.reads_images:
            found = found.unbatch().map(
                lambda row: self._with_image(row, key), num_parallel_calls=tf.data.AUTOTUNE
            )
            found = found.batch(size)
        return found.map(self._encoded, num_parallel_calls=tf.data.AUTOTUNE)

    def _look_up(self, rows: tf.Tensor, key: tf.Tensor | None) -> Inputs:
        """Return what the table has of a batch of rows."""
        draws, views = tf.ones_like(rows, tf.float32), tf.fill(tf.shape(rows), self.cached_view)
        if key is not None and self.dropped:
            draws = tf.map_fn(
                lambda row: tf.random.stateless_uniform((), fold_in(fold_in(key, row), MODALITY_DROPOUT)),
                rows,
                fn_output_signature=tf.float32,
            )
        if key is not None and self.views > 1:
            views = tf.map_fn(
                lambda row: tf.random.stateless_uniform(
                    (), fold_in(fold_in(key, row), CACHED_VIEW), maxval=self.views, dtype=tf.int32
                ),
                rows,
            )

        def columns_of(*arguments: np.ndarray) -> dict[str, np.ndarray]:
            found = self._columns(*arguments)
            return found if key is None else found | {"labels": self.records.labels[arguments[0]]}

        nothing = np.zeros(0, np.int32)
        names, columns = zip(*columns_of(nothing, nothing, nothing).items(), strict=True)
        found = tf.numpy_function(
            lambda *arguments: list(columns_of(*arguments).values()),
            [rows, draws, views],
            [tf.string if each.dtype == object else each.dtype for each in columns],
            stateful=False,
        )
        for tensor, column in zip(found, columns, strict=True):
            tensor.set_shape((None, *column.shape[1:]))
        return dict(zip(names, found, strict=True))

    def _columns(self, rows: np.ndarray, draws: np.ndarray, views: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns of a batch.

        A placeholder image and an empty caption fill in for what a row lacks; the masks `image_present` and
        `caption_present`, int32 of shape (rows, 1), say so to a model that reads them. Where the values at
        the boundary are stored, their places are the input.

        Args:
            rows: their numbers.
            draws: from 0 to 1, for modality dropout.
            views: numbers of their cached views.
        """
        records, dropped = self.records, self.dropped
        images = encoded(records.images[rows])
        captions = records.captions[rows]
        has_image = images != b""
        has_caption = np.array([caption.strip() != "" for caption in captions], bool)
        both = has_image & has_caption
        has_image &= ~(both & (draws < dropped / 2))
        has_caption &= ~(both & (draws >= dropped / 2) & (draws < dropped))
        found = {}
        if "caption" in self.stored:
            found["caption"] = self.stored["caption"].place(rows, has_caption, 0)
        elif self.uses_caption:
            kept = self.captions[rows]
            kept[~has_caption] = self.empty
            found["caption"] = encoded(kept) if kept.dtype == STRING else kept
        if "image" in self.stored:
            found["image"] = self.stored["image"].place(rows, has_image, views)
        elif self.uses_image:
            found |= {"image": np.where(has_image, images, b""), "row": rows, "view": views}
            found["is_path"] = np.array([isinstance(image, str) for image in records.images[rows]], bool)
            found["orientation"] = records.orientations[rows].astype(np.int32)
            # The same image has the same views in every split, and in every study.
            contents = [int(sha256[:15] or b"0", 16) for sha256 in records.sha256[rows].tolist()]
            found["content"] = np.array(contents, np.int64)
        if self.config.fusion.reads_presence:
            present = {"image_present": has_image} if self.uses_image else {}
            present |= {"caption_present": has_caption} if self.uses_caption else {}
            found |= {name: mask[:, None].astype(np.int32) for name, mask in present.items()}
        if records.features is not None:
            found["features"] = records.features[rows]
        return found

    def _with_image(self, inputs: Inputs, key: tf.Tensor | None) -> Inputs:
        """Return the inputs of a row, with the pixels of its image for the file."""
        config, size = self.config.images, self.config.images.resolved_size
        names = ("image", "row", "view", "is_path", "orientation", "content")
        file, row, view, is_path, orientation, content = (inputs[name] for name in names)

        def pixels() -> tf.Tensor:
            image = turn(decode(read_image(file, is_path)), orientation)
            if key is not None and "image" not in self.values:
                return augment(image, size, config, fold_in(key, row))
            if self.views == 1:
                return self._evaluated(image)
            views_key = fold_in(tf.stack([content, 0]), view)
            return tf.cond(
                tf.equal(view, 0),
                lambda: self._evaluated(image),
                lambda: augment(image, size, config, views_key),
            )

        image = tf.cond(file != b"", pixels, lambda: placeholder_image(size))
        return {name: each for name, each in inputs.items() if name not in names} | {"image": image}

    def _evaluated(self, image: tf.Tensor) -> tf.Tensor:
        """Return the view of a decoded image that is evaluated."""
        whole = image if self.view == WHOLE else apply_view(image, self.view)
        return resize(whole, self.config.images.resolved_size)

    def _encoded(self, inputs: Inputs) -> Inputs:
        """Encode the captions of a batch, then set the values at the boundary."""
        if "caption" in inputs and "caption" not in self.stored:
            others = {name: each for name, each in inputs.items() if name != "caption"}
            inputs = others | self.encode.inputs(inputs["caption"])
        for each in self.values.values():
            inputs = each.replace(inputs)
        return inputs
