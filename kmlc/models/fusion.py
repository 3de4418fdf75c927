"""Fusions: from the embeddings of the branches to logits. A new one is a function and a line in `FUSIONS`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import layers, ops

from kmlc.config import FusionConfig
from kmlc.errors import UserError
from kmlc.models.branch import Branch
from kmlc.models.submodel import Submodel
from kmlc.models.terms import Embedding, Terms, TermsDense

Heads = Mapping[str, int]
"""The number of classes of each head by its name; the logits of the heads are concatenated in this order."""


def concat(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Concatenate the embeddings, then dense, ReLU, dropout and dense; a missing modality contributes zeros.

    Args:
        branches: one or two.
        heads: classes of each head.
        config: `hidden_dim` and `dropout`.

    Returns:
        Logits, float32 (batch, classes of all heads).
    """
    return _head_of([branch.masked() for branch in branches], heads, config)


def join(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Concatenate the embeddings as they are, as systems 1 and 2 do (system 2's Linear 17704→1024→labels).

    A row without an image contributes the embedding of the placeholder image, one without a caption that of
    the empty caption. Arguments and result as for `concat`.
    """
    return _head_of([branch.embedding for branch in branches], heads, config)


def gated(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Weight the branches elementwise with a gate computed from both, then dropout and dense.

    The gated multimodal unit of Arevalo et al. (ICLR workshop 2017). Each branch has a hidden vector
    `h = tanh(dense(embedding))` of `hidden_dim` values, the gate is `z = sigmoid(dense(embeddings))`, and the
    fused vector is `z·h_image + (1-z)·h_caption`.

    Args:
        branches: two; for a single one this is `concat`.
        heads: classes of each head.
        config: `hidden_dim` and `dropout`.

    Returns:
        Logits, float32 (batch, classes of all heads).

    Raises:
        UserError: if `hidden_dim` is 0.
    """
    if len(branches) == 1:
        return concat(branches, heads, config)
    if not config.hidden_dim:
        raise UserError("fusion.hidden_dim: expected a whole number above 0 with fusion.name gated; got 0")
    embeddings = [branch.masked() for branch in branches]
    first, second = (
        _dense([embedding], config.hidden_dim, config, f"{branch.name}_hidden", "tanh")
        for branch, embedding in zip(branches, embeddings, strict=True)
    )
    gate = _dense(_joined(embeddings), config.hidden_dim, config, "gate", "sigmoid")
    fused = gate * first + (1 - gate) * second
    return _classifier([fused], heads, config)


def late(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Give each branch a head of its own, and mix their logits with trainable weights for each class.

    Args:
        branches: two; for a single one this is `concat`.
        heads: classes of each head.
        config: `hidden_dim` and `dropout` of each branch's head; a branch whose weights come from a finished
            run (`image_run`, `caption_run`) is frozen.

    Returns:
        Logits, float32 (batch, classes of all heads).
    """
    if len(branches) == 1:
        return concat(branches, heads, config)
    logits = []
    for branch in branches:
        frozen = is_from_run(branch.name, config)
        logits.append(_head_of([branch.masked()], heads, config, f"{branch.name}_head", frozen))
    present = layers.Concatenate(name="present")([branch.present for branch in branches])
    return MixLogits(name="mix")([*logits, present])


FUSIONS: dict[str, Callable[[Sequence[Branch], Heads, FusionConfig], keras.KerasTensor]] = {
    "concat": concat,
    "join": join,
    "gated": gated,
    "late": late,
}
"""By `fusion.name`: functions from branches to float32 logits (batch, classes)."""


def is_from_run(branch: str, config: FusionConfig) -> bool:
    """Return whether the weights of a branch, `image` or `caption`, come from a finished run."""
    return bool(config.image_run if branch == "image" else config.caption_run)


def _head_of(
    embeddings: Sequence[Embedding],
    heads: Heads,
    config: FusionConfig,
    name: str = "head",
    frozen: bool = False,
) -> keras.KerasTensor:
    """Return the logits of a model of its own over embeddings: dense and ReLU, dropout, dense."""
    joined = _joined(embeddings)
    inputs = [_input_like(each) for each in joined]
    x = inputs
    if config.hidden_dim:
        x = [_dense(inputs, config.hidden_dim, config, "hidden", "relu")]
    model = keras.Model(_tensors(inputs), _classifier(x, heads, config))
    model.trainable = not frozen
    return Submodel(model, inference=frozen, name=name)(_tensors(joined))


def _joined(embeddings: Sequence[Embedding]) -> list[Embedding]:
    """Return embeddings concatenated, but terms, which stay apart as the last."""
    whole = [each for each in embeddings if not isinstance(each, Terms)]
    terms = [each for each in embeddings if isinstance(each, Terms)]
    return [*([layers.Concatenate(name="join")(whole)] if len(whole) > 1 else whole), *terms]


def _input_like(embedding: Embedding) -> Embedding:
    if isinstance(embedding, Terms):
        return replace(embedding, ids=keras.Input((None,), dtype="int32"), weights=keras.Input((None,)))
    return keras.Input(embedding.shape[1:])


def _tensors(embeddings: Sequence[Embedding]) -> keras.KerasTensor | list[keras.KerasTensor]:
    """Return what a model takes for embeddings: a single tensor, or a list."""
    tensors = []
    for each in embeddings:
        tensors += [each.ids, each.weights] if isinstance(each, Terms) else [each]
    return tensors if len(tensors) > 1 else tensors[0]


def _classifier(embeddings: Sequence[Embedding], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    x = [_dropped(each, config.dropout) for each in embeddings]
    # A linear probe begins at 0, from where its few thousand steps reach further than from random weights.
    first = "zeros" if config.normalize and not config.hidden_dim else "glorot_uniform"
    logits = [_dense(x, classes, config, name, None, first, "float32") for name, classes in heads.items()]
    return layers.Concatenate(dtype="float32", name="heads")(logits) if len(logits) > 1 else logits[0]


def _dropped(embedding: Embedding, rate: float) -> Embedding:
    if isinstance(embedding, Terms):
        return replace(embedding, weights=layers.Dropout(rate)(embedding.weights))
    return layers.Dropout(rate)(embedding)


def _dense(
    embeddings: Sequence[Embedding],
    units: int,
    config: FusionConfig,
    name: str,
    activation: str | None = None,
    initializer: str = "glorot_uniform",
    dtype: str | None = None,
) -> keras.KerasTensor:
    """Apply a dense layer to embeddings as `_joined` returns them."""
    options: dict[str, Any] = {"kernel_regularizer": keras.regularizers.L2(config.l2) if config.l2 else None}
    options |= {"kernel_initializer": initializer, "name": name, "dtype": dtype}
    *rest, last = embeddings
    if isinstance(last, Terms):
        return TermsDense(last.width, units, activation, **options)([last.ids, last.weights, *rest])
    return layers.Dense(units, activation, **options)(last)


class MixLogits(layers.Layer):
    """Mixes the logits of several branches, in float32.

    A row with every modality gets `Σ weight·logits + bias`, with trainable weights and bias for each class. A
    row that lacks one gets the logits of the other branch alone, so that a missing modality does not dilute
    them.

    Call arguments:
        inputs: the logits of each branch, (batch, classes), and last a mask of the modalities that each row
            has, 1 or 0, (batch, branches).
    """

    def __init__(self, name: str) -> None:
        super().__init__(dtype="float32", name=name)

    def build(self, input_shape: list[tuple[int | None, int]]) -> None:
        """Add the weights; at first the mix is the mean of the branches' logits."""
        branches, classes = len(input_shape) - 1, input_shape[0][-1]
        mean = keras.initializers.Constant(1 / branches)
        self.kernel = self.add_weight((branches, classes), initializer=mean, name="kernel")
        self.bias = self.add_weight((classes,), initializer="zeros", name="bias")

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Return the mixed logits, (batch, classes)."""
        *logits, present = inputs
        present = ops.cast(present, self.compute_dtype)
        stacked = ops.stack(logits, axis=1)
        whole = ops.sum(stacked * self.kernel, axis=1) + self.bias
        # A row without any modality is treated as one with all of them.
        complete = ops.all(ops.equal(present, present[:, :1]), axis=1, keepdims=True)
        weights = ops.expand_dims(present / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1), -1)
        return ops.where(complete, whole, ops.sum(stacked * weights, axis=1))
