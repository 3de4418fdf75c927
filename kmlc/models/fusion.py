"""Fusions: how the branches become logits. A new one is a function and a line in `FUSIONS`."""

from collections.abc import Callable, Mapping, Sequence

import keras
from keras import layers, ops

from kmlc.config import FusionConfig
from kmlc.errors import UserError
from kmlc.models.branch import Branch
from kmlc.models.submodel import Submodel

Heads = Mapping[str, int]
"""The number of classes of each head by its name; their logits stand side by side."""


def concat(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Join the vectors end to end, then dense, ReLU, dropout and dense (system 2's Linear 17704→1024→labels).

    Args:
        branches: one or two.
        heads: classes of each head.
        config: `hidden_dim` and `dropout`.

    Returns:
        Logits, float32 (batch, classes of all heads).
    """
    vectors = [branch.vector for branch in branches]
    joined = layers.Concatenate(name="join")(vectors) if len(vectors) > 1 else vectors[0]
    return Submodel(head(joined.shape[-1], heads, config), inference=False, name="head")(joined)


def gated(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Weigh the branches, value by value, with a gate that sees both, then dropout and dense.

    The gated multimodal unit of Arevalo et al. (ICLR workshop 2017): each branch becomes
    `h = tanh(dense(vector))` of `hidden_dim` values, the gate is `z = sigmoid(dense(both vectors))`, and
    `z·h_image + (1-z)·h_caption` goes on.

    Args:
        branches: two; a single one is handed to `concat`.
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
    first, second = (
        layers.Dense(config.hidden_dim, activation="tanh", name=f"{branch.name}_hidden")(branch.vector)
        for branch in branches
    )
    joined = layers.Concatenate(name="join")([branch.vector for branch in branches])
    gate = layers.Dense(config.hidden_dim, activation="sigmoid", name="gate")(joined)
    mixed = gate * first + (1 - gate) * second
    return _classifier(mixed, heads, config)


def late(branches: Sequence[Branch], heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    """Give each branch a head of its own, and mix their logits with learnt weights for each class.

    Args:
        branches: two; a single one is handed to `concat`.
        heads: classes of each head.
        config: `hidden_dim` and `dropout` of each branch's head; a branch whose weights come from a run
            (`image_run`, `caption_run`) is not trained further.

    Returns:
        Logits, float32 (batch, classes of all heads).
    """
    if len(branches) == 1:
        return concat(branches, heads, config)
    logits = []
    for branch in branches:
        branch_head = head(branch.vector.shape[-1], heads, config)
        frozen = taken_from_run(branch.name, config)
        branch_head.trainable = not frozen
        logits.append(Submodel(branch_head, inference=frozen, name=f"{branch.name}_head")(branch.vector))
    present = layers.Concatenate(name="present")([branch.present for branch in branches])
    return MixLogits(name="mix")([*logits, present])


FUSIONS: dict[str, Callable[[Sequence[Branch], Heads, FusionConfig], keras.KerasTensor]] = {
    "concat": concat,
    "gated": gated,
    "late": late,
}
"""By the name in `fusion.name`: from branches to float32 logits (batch, classes)."""


def taken_from_run(branch: str, config: FusionConfig) -> bool:
    """Return whether the weights of a branch, image or caption, come from a finished run."""
    return bool(config.image_run if branch == "image" else config.caption_run)


def head(width: int, heads: Heads, config: FusionConfig) -> keras.Model:
    """Return a model from vectors (batch, width) to logits: dense and ReLU, dropout, dense."""
    vector = keras.Input((width,))
    x = vector
    if config.hidden_dim:
        x = layers.Dense(config.hidden_dim, activation="relu", name="hidden")(x)
    return keras.Model(vector, _classifier(x, heads, config))


def _classifier(x: keras.KerasTensor, heads: Heads, config: FusionConfig) -> keras.KerasTensor:
    x = layers.Dropout(config.dropout)(x)
    logits = [layers.Dense(classes, dtype="float32", name=name)(x) for name, classes in heads.items()]
    return layers.Concatenate(dtype="float32", name="heads")(logits) if len(logits) > 1 else logits[0]


class MixLogits(layers.Layer):
    """Mixes the logits of several branches, in float32.

    A row that has every branch gets `Σ weight·logits + bias`, weight and bias learnt for each class. A row
    that lacks some gets the mean of the logits of those it has, so that what is missing does not dilute them.

    Call arguments:
        inputs: the logits of each branch, (batch, classes), and last which branches a row has, 1 or 0,
            (batch, branches).
    """

    def __init__(self, name: str) -> None:
        super().__init__(dtype="float32", name=name)

    def build(self, input_shape: list[tuple[int | None, int]]) -> None:
        """Make the weights: one for each branch and class, all alike, and no bias."""
        branches, classes = len(input_shape) - 1, input_shape[0][-1]
        mean = keras.initializers.Constant(1 / branches)
        self.kernel = self.add_weight((branches, classes), initializer=mean, name="kernel")
        self.bias = self.add_weight((classes,), initializer="zeros", name="bias")

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Return the mixed logits, (batch, classes)."""
        *logits, present = inputs
        stacked = ops.stack(logits, axis=1)
        whole = ops.sum(stacked * self.kernel, axis=1) + self.bias
        # A row with nothing at all counts as one with everything.
        complete = ops.all(ops.equal(present, present[:, :1]), axis=1, keepdims=True)
        weights = ops.expand_dims(present / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1), -1)
        return ops.where(complete, whole, ops.sum(stacked * weights, axis=1))
