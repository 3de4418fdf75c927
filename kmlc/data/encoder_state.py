"""Encoder state: what a model and its caption encoder need besides the settings, kept as JSON in the run."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from kmlc.errors import UserError
from kmlc.files import read_json, write_json


@dataclass(frozen=True)
class BertSizes:
    """The sizes of a BERT, the arguments of KerasHub's `BertBackbone`."""

    vocabulary_size: int
    num_layers: int
    num_heads: int
    hidden_dim: int
    intermediate_dim: int
    dropout: float
    max_sequence_length: int
    num_segments: int = 2


@dataclass(frozen=True)
class EncoderState:
    """What was fitted to the training rows or read from a preset before the model was built.

    Attributes:
        vocabulary: the word pieces of a BERT; empty with other encoders.
        lowercase: whether a BERT's captions are lower-cased.
        backbone: the sizes of a pretrained BERT; None where there is none.
        features: the width of the feature vectors; 0 where images are read.
    """

    vocabulary: tuple[str, ...] = ()
    lowercase: bool = True
    backbone: BertSizes | None = None
    features: int = 0


def save_encoder_state(path: Path, state: EncoderState) -> None:
    """Write the state so that `load_encoder_state` returns it equal."""
    write_json(path, asdict(state))


def load_encoder_state(path: Path) -> EncoderState:
    """Read the state of a run.

    Raises:
        UserError: if the file is missing or damaged, its keys are not those of the state, or a value has
            another type.

    Example:
        state = load_encoder_state(Path("runs/2026-01-31-hybrid/encoder.json"))
    """
    values = read_json(path, dict)
    try:
        _check(EncoderState, values)
        if values["backbone"] is not None:
            _check(BertSizes, values["backbone"])
            values["backbone"] = BertSizes(**values["backbone"])
    except ValueError as error:
        raise UserError(f"{path}: damaged; expected the encoder state of a run ({error})") from None
    return EncoderState(**values | {"vocabulary": tuple(values["vocabulary"])})


_TYPES: dict[str, tuple[type, ...]] = {
    "vocabulary": (list,),
    "lowercase": (bool,),
    "backbone": (dict, type(None)),
    "dropout": (float, int),
}
"""The JSON types of each key; those of all others are whole numbers."""


def _check(kind: type[EncoderState | BertSizes], saved: dict[str, Any]) -> None:
    """Raise a `ValueError` unless a file holds exactly the fields of a dataclass."""
    names = [field.name for field in fields(kind)]
    if sorted(saved) != sorted(names):
        raise ValueError(f"expected the keys {', '.join(names)}")
    for name, value in saved.items():
        # By the type itself: isinstance takes true for a whole number.
        types = _TYPES.get(name, (int,))
        if type(value) not in types:
            raise ValueError(f"{name}: expected {types[0].__name__}, got {type(value).__name__}")
    if not all(isinstance(piece, str) for piece in saved.get("vocabulary", [])):
        raise ValueError("vocabulary: expected strings")
