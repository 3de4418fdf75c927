import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kmlc.config import CaptionsConfig, Config, FusionConfig, ImagesConfig, TrainConfig
from kmlc.data.batches import evaluation_batches, training_batches, unreadable_images
from kmlc.data.caption_encoders import caption_encoder
from kmlc.data.columns import strings
from kmlc.data.crop_flip import resize
from kmlc.data.encoder_state import EncoderState
from kmlc.data.image_manifest import image_facts
from kmlc.data.images import ORIENTATION, decode
from kmlc.data.records import Records
from kmlc.errors import UserError
from kmlc.models.build import build_model
from kmlc.tasks.rows import read_labelled


@pytest.fixture(scope="module")
def config(data: Path) -> Config:
    return Config(
        data=str(data),
        images=ImagesConfig(size=16, crop=0.5),
        captions=CaptionsConfig("bigram"),
        train=TrainConfig(batch_size=16, epochs=3),
    )


@pytest.fixture(scope="module")
def records(config: Config) -> Records:
    return read_labelled(config).records


Batches = list[tuple[dict[str, np.ndarray], np.ndarray]]


def batches(records: Records, config: Config, first_epoch: int = 0) -> tuple[Batches, int]:
    encode = caption_encoder(config.captions, EncoderState())
    dataset, steps = training_batches(records, config, encode, first_epoch)
    return list(dataset.as_numpy_iterator()), steps


def same(one: Batches, other: Batches) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(labels, others) and all(np.array_equal(inputs[name], values[name]) for name in inputs)
        for (inputs, labels), (values, others) in zip(one, other, strict=True)
    )


def test_every_epoch_has_every_row_once(records: Records, config: Config) -> None:
    found, steps = batches(records, config)
    assert steps == 3
    assert [len(labels) for _, labels in found] == [16, 16, 8] * 3
    for epoch in range(3):
        labels = np.concatenate([labels for _, labels in found[3 * epoch : 3 * epoch + 3]])
        assert sorted(map(tuple, labels)) == sorted(map(tuple, records.labels))


def test_seed_determines_order_and_augmentation(records: Records, config: Config) -> None:
    first, again = batches(records, config)[0], batches(records, config)[0]
    assert same(first, again)
    assert not same(first, batches(records, replace(config, seed=1))[0])
    assert not same(first[:3], first[3:6])


def test_resumed_run_gets_the_same_batches(records: Records, config: Config) -> None:
    whole, steps = batches(records, config)
    assert same(batches(records, config, first_epoch=1)[0], whole[steps:])


def test_evaluation_is_in_order_without_augmentation(records: Records, config: Config) -> None:
    found = evaluation_batches(records, config, caption_encoder(config.captions, EncoderState()))
    images = np.concatenate([batch["image"] for batch in found.as_numpy_iterator()])
    expected = [resize(decode(Path(str(path)).read_bytes()), 16) for path in records.images]
    np.testing.assert_array_equal(images, expected)


def test_rows_are_forgotten_with_their_batches(records: Records, config: Config) -> None:
    """TensorFlow kept each table, images and all, until the process ended: it never forgets a function."""
    some = records.take(np.arange(3))
    batches = evaluation_batches(some, config, caption_encoder(config.captions, EncoderState()))
    assert len(next(iter(batches))["image"]) == 3
    captions, alive = weakref.ref(some.captions), weakref.ref(some)
    del some, batches
    gc.collect()
    assert alive() is None
    assert captions() is None


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), (b"", "")])
def test_an_image_that_breaks_later_is_one_line(
    content: bytes | None, reason: str, records: Records, config: Config, tmp_path: Path
) -> None:
    """TensorFlow's error was a page long, and named no row."""
    file = tmp_path / "copy.jpg"
    if content is not None:
        file.write_bytes(content)
    one = replace(records.take(np.arange(1)), images=strings([str(file)]))
    found = evaluation_batches(one, config, caption_encoder(config.captions, EncoderState()))
    expected = f"^{one.ids[0]}: the image cannot be read any more: {reason}"
    with pytest.raises(UserError, match=expected), unreadable_images():
        list(found.as_numpy_iterator())


def test_images_in_memory_give_the_batches_of_their_files(records: Records, config: Config) -> None:
    contents = [Path(str(path)).read_bytes() for path in records.images]
    mixed = replace(records, images=np.array([records.images[0], *contents[1:]], object))
    assert same(batches(mixed, config)[0], batches(records, config)[0])


def test_images_are_turned_upright(records: Records, config: Config, tmp_path: Path) -> None:
    """A photo that lies on its side, as telephones store it, gives the pixels of the upright one."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(records.images[0]) as image:
        image.save(tmp_path / "upright.png")
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png", exif=exif)
    paths = [str(tmp_path / "upright.png"), str(tmp_path / "lying.png")]
    both = replace(records.take([0, 0]), images=strings(paths), facts=image_facts(paths, config))
    (batch,) = evaluation_batches(both, config, caption_encoder(config.captions, EncoderState()))
    np.testing.assert_array_equal(batch["image"][0], batch["image"][1])


def test_placeholder_fills_in_for_an_unreadable_image(records: Records, config: Config) -> None:
    broken = replace(records, images=strings(["", *records.images[1:]]))
    found = evaluation_batches(broken, config, caption_encoder(config.captions, EncoderState()))
    first = next(found.as_numpy_iterator())["image"]
    assert (first[0] == 128).all()
    assert not (first[1] == 128).any(axis=-1).all()


def test_masks_tell_which_modalities_are_present(records: Records, config: Config) -> None:
    """White space is no caption; a caption without letters is one."""
    rows = replace(
        records.take(range(4)),
        images=np.array(["", *records.images[1:3], b""], object),
        captions=strings(["a dog", "", " \t\u00a0", "12!"]),
    )
    encode = caption_encoder(config.captions, EncoderState())
    (batch,) = evaluation_batches(rows, config, encode).as_numpy_iterator()
    assert batch["image_present"].tolist() == [[0], [1], [1], [0]]
    assert batch["caption_present"].tolist() == [[1], [0], [0], [1]]
    assert {batch[name].dtype for name in ("image_present", "caption_present")} == {np.dtype("int32")}


@pytest.mark.parametrize(
    ("fusion", "encoder", "names"),
    [
        ("concat", "bigram", {"image", "image_present", "ngrams", "caption_present"}),
        ("concat", "none", {"image", "image_present"}),
        ("join", "bigram", {"image", "ngrams"}),
        ("join", "none", {"image"}),
    ],
)
def test_inputs_are_exactly_those_of_the_model(
    fusion: Any, encoder: Any, names: set[str], records: Records, config: Config
) -> None:
    config = replace(config, fusion=FusionConfig(fusion), captions=CaptionsConfig(encoder))
    encode = caption_encoder(config.captions, EncoderState())
    batch = next(evaluation_batches(records, config, encode).as_numpy_iterator())
    assert set(batch) == names == set(build_model(config, {"labels": 3}, EncoderState()).input)


def test_captions_are_encoded(records: Records, config: Config) -> None:
    encode = caption_encoder(config.captions, EncoderState())
    first = next(evaluation_batches(records, config, encode).as_numpy_iterator())
    np.testing.assert_array_equal(
        first["ngrams"], encode(tf.constant(records.captions[:16].tolist()))["ngrams"]
    )


def missing(found: Batches) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows lack their image, and which lack their caption."""
    images = np.concatenate([inputs["image"] for inputs, _ in found])
    ngrams = np.concatenate([inputs["ngrams"] for inputs, _ in found])
    image_present = np.concatenate([inputs["image_present"] for inputs, _ in found])
    caption_present = np.concatenate([inputs["caption_present"] for inputs, _ in found])
    # Placeholders replace what was dropped, so the model sees none of it.
    np.testing.assert_array_equal(np.all(images == 128, axis=(1, 2, 3)), image_present[:, 0] == 0)
    np.testing.assert_array_equal(np.all(ngrams == 0, axis=1), caption_present[:, 0] == 0)
    return image_present[:, 0] == 0, caption_present[:, 0] == 0


@pytest.fixture(scope="module")
def many(records: Records) -> Records:
    return records.take(np.tile(np.arange(len(records)), 50))


@pytest.mark.parametrize("rate", [0.0, 0.4, 1.0])
def test_modality_dropout_drops_the_image_or_the_caption(many: Records, config: Config, rate: float) -> None:
    """With 2,000 rows, three standard deviations of a fraction are below 0.034."""
    config = replace(config, fusion=FusionConfig(modality_dropout=rate), train=TrainConfig(epochs=1))
    without_image, without_caption = missing(batches(many, config)[0])
    assert len(without_image) == 2_000
    assert not (without_image & without_caption).any()
    assert without_image.mean() == pytest.approx(rate / 2, abs=0.034)
    assert without_caption.mean() == pytest.approx(rate / 2, abs=0.034)
    assert (without_image | without_caption).mean() == pytest.approx(rate, abs=0.034 if rate % 1 else 0)


def test_modality_dropout_depends_on_seed_and_epoch(records: Records, config: Config) -> None:
    config = replace(config, fusion=FusionConfig(modality_dropout=0.5), train=TrainConfig(2, batch_size=16))
    whole, steps = batches(records, config)
    assert same(whole[steps:], batches(records, config, first_epoch=1)[0])
    first, other = missing(whole[:steps])[0], missing(batches(records, replace(config, seed=1))[0][:steps])[0]
    assert first.tolist() != other.tolist()
    assert first.tolist() != missing(whole[steps : 2 * steps])[0].tolist()


def test_modality_dropout_keeps_the_only_modality(records: Records, config: Config) -> None:
    """A row that has no image or no caption keeps the other one."""
    config = replace(config, fusion=FusionConfig(modality_dropout=1.0))
    half = len(records) // 2
    bare = replace(
        records,
        images=strings("" if row < half else path for row, path in enumerate(records.images)),
        captions=strings(caption if row < half else "" for row, caption in enumerate(records.captions)),
    )
    without_image, without_caption = missing(batches(bare, config)[0])
    assert (without_image != without_caption).all()


def test_modality_dropout_applies_to_training_only(records: Records, config: Config) -> None:
    dropping = replace(config, fusion=FusionConfig(modality_dropout=1.0))
    encode = caption_encoder(config.captions, EncoderState())
    for plain, other in zip(
        evaluation_batches(records, config, encode).as_numpy_iterator(),
        evaluation_batches(records, dropping, encode).as_numpy_iterator(),
        strict=True,
    ):
        for name, value in plain.items():
            np.testing.assert_array_equal(value, other[name])


def test_modality_dropout_needs_two_modalities(records: Records, config: Config) -> None:
    alone = replace(config, captions=CaptionsConfig("none"))
    dropping = replace(alone, fusion=FusionConfig(modality_dropout=1.0))
    assert same(batches(records, alone)[0], batches(records, dropping)[0])
