"""A dense layer over terms against Keras's own over the whole vectors."""

import keras
import numpy as np
import pytest

from kmlc.config import FusionConfig
from kmlc.models.branch import Branch
from kmlc.models.fusion import FUSIONS
from kmlc.models.terms import Terms, TermsDense

RNG = np.random.default_rng(0)
ROWS, WIDTH, UNITS = 5, 30, 4
IDS = RNG.integers(0, WIDTH, (ROWS, 16)).astype(np.int32)  # some are there twice
WEIGHTS = RNG.normal(size=IDS.shape).astype(np.float32)
IDS[1, 3:], WEIGHTS[1, 3:] = 0, 0  # padding
IDS[2], WEIGHTS[2] = 0, 0  # a row without terms
WHOLE = np.zeros((ROWS, WIDTH), np.float32)
np.add.at(WHOLE, (np.arange(ROWS)[:, None], IDS), WEIGHTS)
IMAGE = RNG.normal(size=(ROWS, 3)).astype(np.float32)
TARGETS = RNG.integers(0, 2, (ROWS, UNITS)).astype(np.float32)


def sparse_and_dense(with_image: bool) -> tuple[keras.Model, keras.Model]:
    """The layer over terms, and a `Dense` with the same weights."""
    ids, weights = keras.Input((None,), dtype="int32"), keras.Input((None,))
    rest = [keras.Input((3,))] if with_image else []
    layer = TermsDense(WIDTH, UNITS, "tanh", kernel_regularizer=keras.regularizers.L2(0.01))
    sparse = keras.Model([ids, weights, *rest], layer([ids, weights, *rest]))
    whole = keras.Input((WIDTH + 3 * with_image,))
    reference = keras.layers.Dense(UNITS, "tanh", kernel_regularizer=keras.regularizers.L2(0.01))
    dense = keras.Model(whole, reference(whole))
    layer.bias.assign(RNG.normal(size=UNITS))
    dense.set_weights(joined(sparse))
    return sparse, dense


def joined(sparse: keras.Model) -> list[np.ndarray]:
    """The trained weights as those of `Dense` layers, which have one kernel: that of the image first."""
    found: list[np.ndarray] = []
    for weight in sparse.trainable_weights:
        value = np.array(weight)
        if weight.name == "rest_kernel":
            found[-1] = np.concatenate([value, found[-1]])
        else:
            found.append(value)
    return found


@pytest.mark.parametrize("with_image", [False, True])
def test_equals_a_dense_layer(with_image: bool) -> None:
    sparse, dense = sparse_and_dense(with_image)
    inputs = [IDS, WEIGHTS, *([IMAGE] if with_image else [])]
    whole = np.hstack([IMAGE, WHOLE]) if with_image else WHOLE
    np.testing.assert_allclose(sparse(inputs), dense(whole), atol=1e-6)
    assert sparse.output.shape == (None, UNITS)
    for model in (sparse, dense):  # one step with a rate of 1: the gradient
        model.compile(keras.optimizers.SGD(1.0), keras.losses.MeanSquaredError(), jit_compile=False)
    losses = [model.train_on_batch(each, TARGETS) for model, each in ((sparse, inputs), (dense, whole))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for one, other in zip(joined(sparse), dense.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_adam_sees_the_gradient_of_a_dense_layer() -> None:
    """A sparse one would be squared before the gradients of the same term are added up."""
    sparse, dense = sparse_and_dense(False)
    for model, inputs in ((sparse, [IDS, WEIGHTS]), (dense, WHOLE)):
        model.compile(keras.optimizers.Adam(0.1), keras.losses.MeanSquaredError(), jit_compile=False)
        for _ in range(3):
            model.train_on_batch(inputs, TARGETS)
    for one, other in zip(joined(sparse), dense.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def fused(name: str, hidden: int, sparse: bool) -> keras.Model:
    """A fusion of an image embedding and a caption embedding, sparse or whole."""
    image, ids, weights = keras.Input((3,)), keras.Input((None,), dtype="int32"), keras.Input((None,))
    present = [keras.Input((1,), dtype="int32") for _ in range(2)]
    caption = Terms(ids, weights, WIDTH) if sparse else keras.Input((WIDTH,))
    branches = [Branch("image", image, present[0]), Branch("caption", caption, present[1])]
    settings = FusionConfig(name, hidden_dim=hidden, l2=0.01)  # type: ignore[arg-type]
    logits = FUSIONS[name](branches, {"labels": UNITS}, settings)
    return keras.Model([image, *([ids, weights] if sparse else [caption]), *present], logits)


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("name", list(FUSIONS))
def test_fusions_of_terms_equal_those_of_whole_vectors(name: str, hidden: int) -> None:
    if name == "gated" and not hidden:
        return
    sparse, dense = fused(name, hidden, True), fused(name, hidden, False)
    for weight, value in zip(dense.trainable_weights, joined(sparse), strict=True):
        weight.assign(value)
    masks = [np.array([[1], [0], [1], [1], [0]], np.int32), np.array([[1], [1], [1], [0], [0]], np.int32)]
    expected = np.asarray(dense([IMAGE, WHOLE, *masks]))
    np.testing.assert_allclose(sparse([IMAGE, IDS, WEIGHTS, *masks]), expected, atol=1e-5)
    kernels = [value for value in joined(sparse) if value.ndim == 2 and len(value) > 2]  # not those of `mix`
    penalty = 0.01 * sum(np.square(kernel).sum() for kernel in kernels)
    for model in (sparse, dense):
        assert float(sum(model.losses)) == pytest.approx(penalty, rel=1e-5)
    assert np.isfinite(sparse([IMAGE, IDS, WEIGHTS, *masks], training=True)).all()
