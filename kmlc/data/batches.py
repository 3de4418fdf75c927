"""From records to batches: tf.data pipelines that decode, augment and encode."""

from collections.abc import Callable

import tensorflow as tf

from kmlc.config import Config
from kmlc.data.augment import augment, epoch_key, fold_in
from kmlc.data.boundary_values import BoundaryValues, StoredValues
from kmlc.data.caption_encoders import NO_CAPTIONS, CaptionEncoder
from kmlc.data.images import are_paths, decode, placeholder_image, read_image, resize, turn
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
    values = values or {}
    read = _reader(records, config, encode, values)
    encode_inputs = _input_encoder(encode, values)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        key = epoch_key(config.seed, epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(records)), key)
        rows = tf.data.Dataset.from_tensor_slices(order)
        rows = rows.map(lambda row: read(row, fold_in(key, row)), num_parallel_calls=tf.data.AUTOTUNE)
        return rows.batch(config.train.batch_size)

    epochs = tf.data.Dataset.range(first_epoch, config.train.epochs, output_type=tf.int32)
    batches = epochs.flat_map(one_epoch)
    batches = batches.map(
        lambda inputs, labels: (encode_inputs(inputs), labels), num_parallel_calls=tf.data.AUTOTUNE
    )
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
    values = values or {}
    read = _reader(records, config, encode, values, view, cached_view)
    rows = tf.data.Dataset.range(len(records), output_type=tf.int32)
    rows = rows.map(lambda row: read(row, None)[0], num_parallel_calls=tf.data.AUTOTUNE)
    batches = rows.batch(config.train.batch_size).map(
        _input_encoder(encode, values), num_parallel_calls=tf.data.AUTOTUNE
    )
    return batches.prefetch(tf.data.AUTOTUNE)


Row = dict[str, tf.Tensor]


def _reader(
    records: Records,
    config: Config,
    encode: CaptionEncoder,
    values: BoundaryValues,
    view: View = WHOLE,
    cached_view: int = 0,
) -> Callable[[tf.Tensor, tf.Tensor | None], tuple[Row, tf.Tensor]]:
    """Return the function that reads the inputs and the labels of one row.

    With a key, as in training, the image is augmented, and modality dropout may drop the image or the caption
    of a row that has both. A placeholder image and an empty caption fill in for what a row lacks; the masks
    `image_present` and `caption_present`, int32 of shape (1,), say so to a model that reads them. Where the
    values at the boundary are stored, their place is the input.
    """
    size = config.images.resolved_size
    images = tf.constant(records.images, tf.string)
    stored = {name: each for name, each in values.items() if isinstance(each, StoredValues)}
    encode = NO_CAPTIONS if "caption" in stored else encode
    captions, empty = encode.prepared(records.captions), encode.prepared([""])[0]
    has_image = tf.constant([image not in ("", b"") for image in records.images], tf.bool)
    has_caption = tf.constant([caption.strip() != "" for caption in records.captions], tf.bool)
    is_path = are_paths(records.images)
    orientations = tf.constant(records.orientations, tf.int32)
    features = None if records.features is None else tf.constant(records.features)
    labels = tf.constant(records.labels)
    uses_image, uses_caption = config.tower.input == "image", config.captions.encoder != "none"
    dropped = config.fusion.modality_dropout if uses_image and uses_caption else 0.0
    views = config.cached_views
    if views > 1:
        # The same image has the same views in every split, and in every study.
        contents = tf.constant([[int(sha256[:15] or "0", 16), 0] for sha256 in records.sha256], tf.int64)

    def number_of_view(key: tf.Tensor | None) -> tf.Tensor | int:
        if key is None or views == 1:
            return cached_view
        return tf.random.stateless_uniform((), fold_in(key, CACHED_VIEW), maxval=views, dtype=tf.int32)

    def pixels(row: tf.Tensor, key: tf.Tensor | None) -> tf.Tensor:
        image = turn(decode(read_image(images[row], is_path[row])), orientations[row])
        if key is not None and "image" not in values:
            return augment(image, size, config.images, key)
        if views == 1:
            return resize(image if view == WHOLE else apply_view(image, view), size)
        number = number_of_view(key)
        return tf.cond(
            tf.equal(number, 0),
            lambda: resize(image if view == WHOLE else apply_view(image, view), size),
            lambda: augment(image, size, config.images, fold_in(contents[row], number)),
        )

    def read(row: tf.Tensor, key: tf.Tensor | None) -> tuple[Row, tf.Tensor]:
        image_present, caption_present = has_image[row], has_caption[row]
        if key is not None and dropped:
            draw = tf.random.stateless_uniform((), fold_in(key, MODALITY_DROPOUT))
            both = image_present & caption_present
            image_present &= ~(both & (draw < dropped / 2))
            caption_present &= ~(both & (draw >= dropped / 2) & (draw < dropped))
        inputs = {"caption": tf.where(caption_present, captions[row], empty)}
        if "caption" in stored:
            inputs["caption"] = stored["caption"].place(row, caption_present, 0)
        if "image" in stored:
            inputs["image"] = stored["image"].place(row, image_present, number_of_view(key))
        elif uses_image:
            inputs["image"] = tf.cond(
                image_present,
                lambda: pixels(row, key),
                lambda: placeholder_image(size),
            )
        if uses_image and config.fusion.reads_presence:
            inputs["image_present"] = tf.cast(image_present, tf.int32)[None]
        if uses_caption and config.fusion.reads_presence:
            inputs["caption_present"] = tf.cast(caption_present, tf.int32)[None]
        if features is not None:
            inputs["features"] = features[row]
        return inputs, tf.cast(labels[row], tf.float32)

    return read


def _input_encoder(encode: CaptionEncoder, values: BoundaryValues) -> Callable[[Row], Row]:
    """Return the function that encodes the prepared captions of a batch, and then sets boundary values."""

    def encode_inputs(inputs: Row) -> Row:
        if not isinstance(values.get("caption"), StoredValues):
            others = {name: value for name, value in inputs.items() if name != "caption"}
            inputs = others | encode.inputs(inputs["caption"])
        for each in values.values():
            inputs = each.replace(inputs)
        return inputs

    return encode_inputs
