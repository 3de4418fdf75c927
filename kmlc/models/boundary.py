"""The boundary between what is frozen and what is trained: a model is split there, sharing its layers.

What is frozen must be in inference mode, so that the values at the boundary depend on the inputs alone: they
can be computed once. Dropout lies behind the boundary.
"""

from collections.abc import Collection
from dataclasses import dataclass

import keras
from keras import tree

from kmlc.errors import UserError
from kmlc.models.image.tower import BACKBONE, LAYER, PREPROCESS
from kmlc.models.submodel import Submodel
from kmlc.models.text.bert import BACKBONE as ENCODER
from kmlc.models.text.bert import INPUTS, POOL

BATCH = 32
"""Rows of every batch that a frozen part computes. Batches of other sizes give other rounding errors."""


@dataclass(frozen=True)
class FrozenPart:
    """The frozen layers of one modality.

    Attributes:
        modality: image or caption.
        layer: how many operations of the backbone lie before the boundary; 0 for captions, where all do.
        model: from inputs by name, those of the whole model, to the values at the boundary.
        embedding: the tensor of the whole model that `top` computes from these values.
        top: the layers of the modality behind the boundary; None if there are none.
    """

    modality: str
    layer: int
    model: keras.Model
    embedding: keras.KerasTensor
    top: keras.layers.Layer | None = None

    @property
    def name(self) -> str:
        """The name of the values, an input of the trained model."""
        return f"{self.modality}_values"

    def embed(self, values: keras.KerasTensor) -> keras.KerasTensor:
        """Return the modality's embedding, given the values at the boundary."""
        return values if self.top is None else self.top(values)


def split(
    model: keras.Model, modalities: Collection[str] = ("image", "caption")
) -> tuple[list[FrozenPart], keras.Model]:
    """Split a model at the boundary.

    Args:
        model: as `kmlc.models.build.build_model` returns it.
        modalities: the modalities whose frozen layers are split off.

    Returns:
        The frozen parts, and the model of the rest, which is trained. Its inputs are the values of the parts
        (`FrozenPart.name`) and those inputs of the whole model that no part reads; its layers are those of
        the whole model. A model of which nothing is frozen is the rest itself.

    Raises:
        UserError: if `tower.trainable: from LAYER` names a layer before which more than one tensor crosses
            the boundary.

    Example:
        parts, rest = split(model)
        values = {part.name: part.model(inputs) for part in parts}
        rest(values | inputs)  # the logits of model(inputs)
    """
    parts = [part for name in modalities if (part := _PARTS[name](model)) is not None]
    if not parts:
        return [], model
    read = {name for part in parts for name in part.model.input}
    others = {tensor.name: tensor for tensor in model.inputs if tensor.name not in read}
    head = keras.Model([*(part.embedding for part in parts), *others.values()], model.output)
    values = {part.name: _input_like(part.model.output, part.name) for part in parts}
    inputs = {name: _input_like(tensor, name) for name, tensor in others.items()}
    embeddings = [part.embed(values[part.name]) for part in parts]
    return parts, keras.Model(values | inputs, head([*embeddings, *inputs.values()]), name=model.name)


def _image_part(model: keras.Model) -> FrozenPart | None:
    if LAYER not in {layer.name for layer in model.layers}:
        return None
    layer = model.get_layer(LAYER)
    tower = layer.model
    inner = tower.get_layer(BACKBONE)
    if not (layer.inference or inner.inference):
        return None
    boundary = _boundary(inner.model)
    if boundary is None:
        return None
    first, tensor = boundary
    images = keras.Input(tower.input_shape[1:], name="image")
    frozen = Submodel(keras.Model(inner.model.input, tensor), inference=True, name=BACKBONE)
    part = keras.Model({"image": images}, frozen(tower.get_layer(PREPROCESS)(images)))
    values = _input_like(tensor, "values")
    x = values
    if tensor is not inner.model.output:
        x = Submodel(keras.Model(tensor, inner.model.output), inference=True, name=BACKBONE)(x)
    if tower.output is not inner.output:  # dropout
        x = keras.Model(inner.output, tower.output)(x)
    top = None if x is values else Submodel(keras.Model(values, x), layer.inference, f"{LAYER}_top")
    return FrozenPart("image", first, part, layer.output, top)


def _boundary(backbone: keras.Model) -> tuple[int, keras.KerasTensor] | None:
    """Return how many operations of a backbone come before its first trained layer, and what that reads.

    If no layer is trained, these are all operations, and the output; None if no layer before it is frozen.

    Raises:
        UserError: if more than one tensor crosses the boundary.
    """
    operations = backbone.operations
    weighty = [place for place, each in enumerate(operations) if getattr(each, "weights", None)]
    trained = [place for place in weighty if operations[place].trainable]
    if not trained:
        return len(operations), backbone.output
    first = trained[0]
    if first == weighty[0]:
        return None
    crossing = _crossing(backbone, first)
    if len(crossing) > 1:
        single = [place for place in weighty[1:] if len(_crossing(backbone, place)) == 1]
        nearest = operations[min(single, key=lambda place: abs(place - first))].name
        raise UserError(
            f"tower.trainable: expected a layer before which one tensor crosses from the frozen layers to "
            f"the trained ones; {len(crossing)} cross before {operations[first].name} "
            f"(the nearest: from {nearest})"
        )
    return first, crossing[0]


def _crossing(backbone: keras.Model, first: int) -> list[keras.KerasTensor]:
    """Return the outputs of the operations before `first` that later ones read, or the backbone returns."""
    earlier, later = backbone.operations[:first], backbone.operations[first:]
    made = {id(tensor) for each in earlier for tensor in tree.flatten(each.output)}
    read = [tensor for each in later for tensor in tree.flatten(each.input)]
    tensors = {id(tensor): tensor for tensor in [*read, *backbone.outputs]}
    return [tensor for key, tensor in tensors.items() if key in made]


def _caption_part(model: keras.Model) -> FrozenPart | None:
    layers = {layer.name: layer for layer in model.layers}
    if ENCODER not in layers or layers[ENCODER].model.trainable:
        return None
    pool = layers[POOL]
    inputs = {name: layers[name].output for name in INPUTS}
    return FrozenPart("caption", 0, keras.Model(inputs, pool.output), pool.output)


_PARTS = {"image": _image_part, "caption": _caption_part}


def _input_like(tensor: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
