"""How often TensorFlow traces the prediction of a model."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from kmlc.training.predict_batches import PredictionProgress, predict_batches, trace_prediction


def small_model() -> keras.Model:
    tokens, vector = keras.Input((None,), dtype="int32", name="tokens"), keras.Input((3,), name="vector")
    embedding = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(10, 4)(tokens))
    logits = keras.layers.Dense(2)(keras.layers.Concatenate()([embedding, vector]))
    return keras.Model({"tokens": tokens, "vector": vector}, logits)


def batches(rows: int, length: int) -> tf.data.Dataset:
    """Return batches of 4 rows, with tokens of a length that the dataset does not know."""
    tokens = np.arange(rows * length, dtype=np.int32).reshape(rows, length) % 10
    inputs = {"tokens": tokens, "vector": np.ones((rows, 3), np.float32)}
    return (
        tf.data.Dataset.from_tensor_slices(inputs)
        .batch(4)
        .map(lambda each: each | {"tokens": tf.ensure_shape(each["tokens"], (None, length))})
        .map(lambda each: each | {"tokens": each["tokens"][:, : tf.size(each["tokens"])]})
    )


def test_each_model_is_traced_once_whatever_the_sizes_of_its_batches(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A smaller last batch traced it again; with some models that was a warning of TensorFlow's."""
    with caplog.at_level(logging.WARNING, "tensorflow"):
        for _ in range(6):
            model = small_model()
            for rows, length in ((9, 8), (1, 8), (6, 5)):
                found = predict_batches(model, batches(rows, length), PredictionProgress(3, 4))
                inputs = next(iter(batches(rows, length).unbatch().batch(rows)))
                np.testing.assert_allclose(found, model(inputs), rtol=1e-5, atol=1e-6)
            assert model.predict_function.experimental_get_tracing_count() == 1
    assert "retracing" not in caplog.text


def test_a_batch_of_the_traced_size_traces_nothing() -> None:
    model = small_model()
    sizes = {"tokens": tf.TensorSpec((2, 5), tf.int32), "vector": tf.TensorSpec((2, 3), tf.float32)}
    trace_prediction(model, (sizes,))
    model.predict_on_batch({"tokens": np.zeros((2, 5), np.int32), "vector": np.ones((2, 3), np.float32)})
    assert model.predict_function.experimental_get_tracing_count() == 1
