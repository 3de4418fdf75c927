from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kmlc.config import CaptionsConfig, Config, ImagesConfig, TrainConfig
from kmlc.data.batches import evaluation_batches, training_batches
from kmlc.data.captions import caption_encoder
from kmlc.data.folder import read_labelled
from kmlc.data.images import decode, resize
from kmlc.data.records import Records


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
    dataset, steps = training_batches(records, config, caption_encoder(config.captions, {}), first_epoch)
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


def test_the_seed_decides_order_and_variation(records: Records, config: Config) -> None:
    first, again = batches(records, config)[0], batches(records, config)[0]
    assert same(first, again)
    assert not same(first, batches(records, replace(config, seed=1))[0])
    assert not same(first[:3], first[3:6])


def test_a_resumed_run_sees_what_it_would_have_seen(records: Records, config: Config) -> None:
    whole, steps = batches(records, config)
    assert same(batches(records, config, first_epoch=1)[0], whole[steps:])


def test_evaluation_is_in_order_and_unvaried(records: Records, config: Config) -> None:
    found = evaluation_batches(records, config, caption_encoder(config.captions, {}))
    images = np.concatenate([batch["image"] for batch in found.as_numpy_iterator()])
    expected = [resize(decode(tf.io.read_file(path)), 16).numpy() for path in records.paths]
    np.testing.assert_array_equal(images, expected)


def test_an_unreadable_image_is_neutral(records: Records, config: Config) -> None:
    broken = replace(records, paths=["", *records.paths[1:]])
    found = evaluation_batches(broken, config, caption_encoder(config.captions, {}))
    first = next(found.as_numpy_iterator())["image"]
    assert (first[0] == 127.5).all()
    assert not (first[1] == 127.5).any(axis=-1).all()


def test_inputs_are_those_of_the_encoder(records: Records, config: Config) -> None:
    encode = caption_encoder(config.captions, {})
    first = next(evaluation_batches(records, config, encode).as_numpy_iterator())
    assert set(first) == {"image", "ngrams"}
    np.testing.assert_array_equal(first["ngrams"], encode(tf.constant(records.captions[:16]))["ngrams"])
