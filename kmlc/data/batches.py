"""From records to batches: tf.data pipelines that decode, augment and encode."""

from collections.abc import Callable

import tensorflow as tf

from kmlc.config import Config
from kmlc.data.augment import augment, epoch_key, fold_in
from kmlc.data.caption_encoders import CaptionEncoder
from kmlc.data.images import are_paths, decode, placeholder_image, read_image, resize, turn
from kmlc.data.records import Records
from kmlc.data.tta import WHOLE, View, apply_view

MODALITY_DROPOUT = 100
"""The number that is folded into the key of its draws, in addition to those of `kmlc.data.augment`."""


@tf.autograph.experimental.do_not_convert  # the functions use TensorFlow's own control flow
def training_batches(
    records: Records, config: Config, encode: CaptionEncoder, first_epoch: int = 0
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

    Returns:
        A dataset of (inputs by name, float32 labels of shape (batch, classes)) for `model.fit`, and its
        `steps_per_epoch`.
    """
    read = _reader(records, config, encode)
    encode_inputs = _input_encoder(encode)

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
    records: Records, config: Config, encode: CaptionEncoder, view: View = WHOLE
) -> tf.data.Dataset:
    """Return batches of inputs by name: every row once, in order, without augmentation and without labels.

    Args:
        records: the rows.
        config: `images.size` is resolved to a number.
        encode: the caption encoder.
        view: the view of each image, for test-time augmentation.
    """
    read = _reader(records, config, encode, view)
    rows = tf.data.Dataset.range(len(records), output_type=tf.int32)
    rows = rows.map(lambda row: read(row, None)[0], num_parallel_calls=tf.data.AUTOTUNE)
    batches = rows.batch(config.train.batch_size).map(
        _input_encoder(encode), num_parallel_calls=tf.data.AUTOTUNE
    )
    return batches.prefetch(tf.data.AUTOTUNE)


Row = dict[str, tf.Tensor]


def _reader(
    records: Records, config: Config, encode: CaptionEncoder, view: View = WHOLE
) -> Callable[[tf.Tensor, tf.Tensor | None], tuple[Row, tf.Tensor]]:
    """Return the function that reads the inputs and the labels of one row.

    With a key, as in training, the image is augmented, and modality dropout may drop the image or the caption
    of a row that has both. A placeholder image and an empty caption fill in for what a row lacks; the masks
    `image_present` and `caption_present`, int32 of shape (1,), say so to a model that reads them.
    """
    size = config.images.resolved_size
    images = tf.constant(records.images, tf.string)
    captions, empty = encode.prepared(records.captions), encode.prepared([""])[0]
    has_image = tf.constant([image not in ("", b"") for image in records.images], tf.bool)
    has_caption = tf.constant([caption.strip() != "" for caption in records.captions], tf.bool)
    is_path = are_paths(records.images)
    orientations = tf.constant(records.orientations, tf.int32)
    features = None if records.features is None else tf.constant(records.features)
    labels = tf.constant(records.labels)
    uses_image, uses_caption = config.tower.input == "image", config.captions.encoder != "none"
    dropped = config.fusion.modality_dropout if uses_image and uses_caption else 0.0

    def pixels(row: tf.Tensor, key: tf.Tensor | None) -> tf.Tensor:
        image = turn(decode(read_image(images[row], is_path[row])), orientations[row])
        if key is None:
            return resize(image if view == WHOLE else apply_view(image, view), size)
        return augment(image, size, config.images, key)

    def read(row: tf.Tensor, key: tf.Tensor | None) -> tuple[Row, tf.Tensor]:
        image_present, caption_present = has_image[row], has_caption[row]
        if key is not None and dropped:
            draw = tf.random.stateless_uniform((), fold_in(key, MODALITY_DROPOUT))
            both = image_present & caption_present
            image_present &= ~(both & (draw < dropped / 2))
            caption_present &= ~(both & (draw >= dropped / 2) & (draw < dropped))
        inputs = {"caption": tf.where(caption_present, captions[row], empty)}
        if uses_image:
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


def _input_encoder(encode: CaptionEncoder) -> Callable[[Row], Row]:
    """Return the function that replaces the prepared captions of a batch by the inputs that encode them."""

    def encode_inputs(inputs: Row) -> Row:
        others = {name: value for name, value in inputs.items() if name != "caption"}
        return others | encode.inputs(inputs["caption"])

    return encode_inputs
