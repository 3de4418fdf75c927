"""Fusions: from the embeddings of the branches to logits. A new one is a function and a line in `FUSIONS`."""

from collections.abc import Callable, Mapping, Sequence

import keras
from keras import layers, ops

from kmlc.config import FusionConfig
from kmlc.errors import UserError
from kmlc.models.branch import Branch
from kmlc.models.submodel import Submodel

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
        layers.Dense(config.hidden_dim, activation="tanh", name=f"{branch.name}_hidden")(embedding)
        for branch, embedding in zip(branches, embeddings, strict=True)
    )
    joined = layers.Concatenate(name="join")(embeddings)
    gate = layers.Dense(config.hidden_dim, activation="sigmoid", name="gate")(joined)
    fused = gate * first + (1 - gate) * second
    return _classifier(fused, heads, config)


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
        branch_head = head(branch.embedding.shape[-1], heads, config)
        frozen = is_from_run(branch.name, config)
        branch_head.trainable = not frozen
        logits.append(Submodel(branch_head, inference=frozen, name=f"{branch.name}_head")(branch.masked()))
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


def head(width: int, heads: Heads, config: FusionConfig) -> keras.Model:
    """Return a model from embeddings (batch, width) to logits: dense and ReLU, dropout, dense."""
    embedding = keras.Input((width,))
    x = embedding
    if config.hidden_dim:
        x = layers.Dense(config.hidden_dim, activation="relu", name="hidden")(x)
    return keras.Model(embedding, _classifier(x, heads, config))


def _head_of(
    embeddings: Sequence[keras.KerasTensor], heads: Heads, config: FusionConfig
) -> keras.KerasTensor:
    joined = layers.Concatenate(name="join")(embeddings) if len(embeddings) > 1 else embeddings[0]
    return Submodel(head(joined.shape[-1], heads, config), inference=False, name="head")(joined)


def _classifier(x: keras.KerasTensor, heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    x = layers.Dropout(config.dropout)(x)
    logits = [layers.Dense(classes, dtype="float32", name=name)(x) for name, classes in heads.items()]
    return layers.Concatenate(dtype="float32", name="heads")(logits) if len(logits) > 1 else logits[0]


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
