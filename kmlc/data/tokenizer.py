"""WordPiece tokens for a BERT caption encoder, with KerasHub's tokenizer."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import keras_hub
import tensorflow as tf
from tensorflow_text.tools.wordpiece_vocab.bert_vocab_from_dataset import bert_vocab_from_dataset

from kmlc.data.encoder_state import BertSizes, EncoderState
from kmlc.errors import UserError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def fit_vocabulary(captions: Sequence[str], size: int) -> tuple[str, ...]:
    """Fit a lower-case WordPiece vocabulary to captions.

    Args:
        captions: the training captions.
        size: the largest number of word pieces, special tokens included.

    Returns:
        The word pieces, special tokens first.

    Example:
        fit_vocabulary(["a red bus", "two red buses"], size=100)
    """
    data = tf.data.Dataset.from_tensor_slices(list(captions) or [""]).batch(1024)
    # KerasHub's own function drops pieces that occur less than ten times: most words of a small data set.
    return tuple(
        bert_vocab_from_dataset(
            data,
            vocab_size=size,
            reserved_tokens=list(SPECIAL_TOKENS),
            bert_tokenizer_params={"lower_case": True},
            learn_params={"lower_thresh": 2},
        )
    )


def preset_state(preset: str) -> EncoderState:
    """Return the word pieces and the sizes of a pretrained BERT; a run needs the preset only for its weights.

    Args:
        preset: a KerasHub preset name, or a local KerasHub or Hugging Face folder.

    Raises:
        UserError: if the preset cannot be downloaded or read.
    """
    tokenizer = from_preset(keras_hub.tokenizers.BertTokenizer, preset)
    settings = from_preset(keras_hub.models.BertBackbone, preset, load_weights=False).get_config()
    sizes = BertSizes(**{field.name: settings[field.name] for field in fields(BertSizes)})
    return EncoderState(tuple(tokenizer.get_vocabulary()), bool(tokenizer.lowercase), sizes)


def from_preset(kind: Any, preset: str, **arguments: object) -> Any:
    """Load one part of a pretrained model; the message of a failure says what to pass instead."""
    try:
        return kind.from_preset(preset, **arguments)
    except Exception as error:  # many kinds, from a refused connection to a missing file
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"captions.preset: {preset!r} could not be loaded ({reason}); pass the folder of a KerasHub or "
            "Hugging Face BERT, or null to train an encoder from scratch"
        ) from None


def packer(
    vocabulary: Sequence[str], lowercase: bool, length: int
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Return the function from captions to the inputs of a BERT, each int32 of shape (batch, length).

    Accents are removed exactly when letters are lower-cased, as BERT's own tokenizer does.
    """
    tokenizer = keras_hub.tokenizers.BertTokenizer(
        vocabulary=list(vocabulary), lowercase=lowercase, strip_accents=lowercase
    )
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=length)

    def pack(captions: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = preprocessor(captions)
        # MirroredStrategy cannot reduce bool inputs.
        return inputs | {"padding_mask": tf.cast(inputs["padding_mask"], tf.int32)}

    return pack
