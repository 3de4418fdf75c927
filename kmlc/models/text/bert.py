"""A KerasHub BERT over the word pieces of a caption."""

from dataclasses import asdict
from typing import Any

import keras
from keras import layers, ops

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import BertSizes, EncoderState
from kmlc.errors import UserError
from kmlc.models.branch import Inputs
from kmlc.models.submodel import Submodel

BACKBONE = "bert"
"""Name of the encoder's layer in a model."""
POOL = "pool"
"""Name of the layer after it, whose output is the embedding."""
INPUTS = ("token_ids", "segment_ids", "padding_mask")
"""Names of the inputs."""


def bert(config: CaptionsConfig, state: EncoderState) -> tuple[Inputs, keras.KerasTensor]:
    """Return the text tower from word pieces to an embedding.

    Args:
        config: the sizes for an encoder from scratch, `pooling`, `trainable`, `sequence_length`.
        state: `vocabulary`; and `backbone`, the sizes of a pretrained encoder, if there is one.

    Returns:
        The inputs `token_ids`, `segment_ids`, `padding_mask`, each int32 (batch, tokens), and the
        embedding, (batch, hidden_dim).

    Raises:
        UserError: if `sequence_length` exceeds that of the pretrained encoder.
    """
    from keras_hub.models import BertBackbone  # takes a second

    sizes = _sizes(config, state)
    longest = sizes.max_sequence_length
    if config.sequence_length > longest:
        raise UserError(f"captions.sequence_length: expected at most {longest}, got {config.sequence_length}")
    encoder = token_encoder(BertBackbone(**asdict(sizes)))
    encoder.trainable = config.trainable
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
    # A frozen encoder runs in inference mode, without dropout.
    tokens = Submodel(encoder, inference=not config.trainable, name=BACKBONE)(inputs)
    return inputs, Pool(config.pooling, name=POOL)([tokens, inputs["padding_mask"]])


def token_encoder(backbone: keras.Model) -> keras.Model:
    """Return a BERT without the dense layer over its first token, which no pooling here uses."""
    return keras.Model(backbone.input, backbone.output["sequence_output"])


def _sizes(config: CaptionsConfig, state: EncoderState) -> BertSizes:
    return state.backbone or BertSizes(
        vocabulary_size=len(state.vocabulary),
        num_layers=config.layers,
        num_heads=config.heads,
        hidden_dim=config.hidden_dim,
        intermediate_dim=config.feedforward_dim,
        dropout=config.dropout,
        max_sequence_length=config.sequence_length,
    )


class Pool(layers.Layer):
    """Pools the vectors of a caption's tokens into one embedding.

    Args:
        pooling: mean or max over the tokens that are not padding, or the vector of the first token.

    Call arguments:
        inputs: token vectors (batch, tokens, width) and a mask (batch, tokens), 0 at padding.
    """

    def __init__(self, pooling: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.pooling = pooling

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Return the embeddings, shape (batch, width)."""
        tokens, mask = inputs
        if self.pooling == "first":
            return tokens[:, 0]
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
        if self.pooling == "max":
            # -1e4 is below any normalised activation and within float16.
            return ops.max(ops.where(mask, tokens, -1e4), axis=1)
        weights = ops.cast(mask, tokens.dtype)
        return ops.sum(tokens * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)
