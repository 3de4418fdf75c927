"""Encoder state: what a model and its caption encoder need besides the settings, kept as JSON in the run."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from kmlc.errors import UserError
from kmlc.files import read_json, write_json

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""The word pieces that every BERT has."""


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
class ImageBackbone:
    """An image backbone of KerasHub that was read from a preset: all that a run needs of it but its weights.

    Attributes:
        name: its class, in `kmlc.models.image.families.FAMILIES`.
        arguments: of that class: strings, numbers, booleans, null and lists of them.
        size: height and width of the images that the preset is for, in pixels.
        scale: factor of red, green and blue, from 0 to 255.
        offset: what is added to them then.
    """

    name: str
    arguments: dict[str, Any]
    size: int
    scale: tuple[float, ...]
    offset: tuple[float, ...]


@dataclass(frozen=True)
class EncoderState:
    """What was fitted to the training rows or read from a preset before the model was built.

    Attributes:
        vocabulary: the word pieces of a BERT; empty with other encoders.
        lowercase: whether a BERT's captions are lower-cased.
        backbone: the sizes of a pretrained BERT; None where there is none.
        feature_means: the mean of each column of the feature vectors; empty where images are read.
        feature_deviations: the standard deviation of each column, 0 of a constant one.
        terms: the words and pairs of words of TF-IDF; empty with other encoders.
        idf: the inverse document frequency of each term.
        image_backbone: the image backbone of `tower.preset`; None without one.
    """

    vocabulary: tuple[str, ...] = ()
    lowercase: bool = True
    backbone: BertSizes | None = None
    feature_means: tuple[float, ...] = ()
    feature_deviations: tuple[float, ...] = ()
    terms: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()
    image_backbone: ImageBackbone | None = None


def save_encoder_state(path: Path, state: EncoderState) -> None:
    """Write the state so that `load_encoder_state` returns it equal."""
    write_json(path, asdict(state))


def load_encoder_state(path: Path) -> EncoderState:
    """Read the state of a run.

    Raises:
        UserError: if the file is missing or damaged, its keys are not those of the state, or a value has
            another type or is out of its range.

    Example:
        state = load_encoder_state(Path("runs/2026-01-31-hybrid/encoder.json"))
    """
    # Earlier runs have neither TF-IDF nor image backbones of presets.
    values = {"terms": [], "idf": [], "image_backbone": None} | read_json(path, dict)
    try:
        _check(EncoderState, values)
        _check_state(values)
        if values["backbone"] is not None:
            _check(BertSizes, values["backbone"])
            _check_sizes(values["backbone"])
            values["backbone"] = BertSizes(**values["backbone"])
        if values["image_backbone"] is not None:
            _check(ImageBackbone, values["image_backbone"])
            _check_image_backbone(values["image_backbone"])
            values["image_backbone"] = ImageBackbone(**_with_tuples(values["image_backbone"]))
    except ValueError as error:
        raise UserError(f"{path}: damaged; expected the encoder state of a run ({error})") from None
    return EncoderState(**_with_tuples(values))


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


_TYPES: dict[str, tuple[type, ...]] = {
    "vocabulary": (list,),
    "lowercase": (bool,),
    "backbone": (dict, type(None)),
    "feature_means": (list,),
    "feature_deviations": (list,),
    "terms": (list,),
    "idf": (list,),
    "image_backbone": (dict, type(None)),
    "dropout": (float, int),
    "name": (str,),
    "arguments": (dict,),
    "scale": (list,),
    "offset": (list,),
}
"""The JSON types of each key; those of all others are whole numbers."""


def _check(kind: type[EncoderState | BertSizes | ImageBackbone], saved: dict[str, Any]) -> None:
    """Raise a `ValueError` unless a file holds exactly the fields of a dataclass."""
    names = [field.name for field in fields(kind)]
    if sorted(saved) != sorted(names):
        raise ValueError(f"expected the keys {', '.join(names)}")
    for name, value in saved.items():
        # By the type itself: isinstance takes true for a whole number.
        types = _TYPES.get(name, (int,))
        if type(value) not in types:
            raise ValueError(f"{name}: expected {types[0].__name__}, got {type(value).__name__}")


def _check_state(saved: dict[str, Any]) -> None:
    pieces = saved["vocabulary"]
    if not all(isinstance(piece, str) for piece in pieces):
        raise ValueError("vocabulary: expected strings")
    if len(set(pieces)) < len(pieces):
        raise ValueError("vocabulary: expected each word piece once")
    if pieces and not set(SPECIAL_TOKENS) <= set(pieces):
        raise ValueError(f"vocabulary: expected {', '.join(SPECIAL_TOKENS)} among the word pieces")
    means, deviations = saved["feature_means"], saved["feature_deviations"]
    if not all(type(number) is float for number in [*means, *deviations]):
        raise ValueError("feature_means, feature_deviations: expected numbers with a decimal point")
    if min(deviations, default=0) < 0:
        raise ValueError(f"feature_deviations: expected 0 or more, got {min(deviations)}")
    if len(means) != len(deviations):
        raise ValueError(f"feature_deviations: expected {len(means)} as feature_means, got {len(deviations)}")
    _check_terms(saved["terms"], saved["idf"])


def _check_terms(terms: list[Any], idf: list[Any]) -> None:
    if not all(isinstance(term, str) for term in terms) or len(set(terms)) < len(terms):
        raise ValueError("terms: expected strings, each once")
    if not all(type(number) is float and number > 0 for number in idf):
        raise ValueError("idf: expected numbers above 0 with a decimal point")
    if len(terms) != len(idf):
        raise ValueError(f"idf: expected {len(terms)} as terms, got {len(idf)}")


def _check_sizes(saved: dict[str, Any]) -> None:
    for name, value in saved.items():
        if name == "dropout" and not 0 <= value <= 1:
            raise ValueError(f"dropout: expected a number from 0 to 1, got {value}")
        if name != "dropout" and value < 1:
            raise ValueError(f"{name}: expected 1 or more, got {value}")
    if saved["hidden_dim"] % saved["num_heads"]:
        raise ValueError(f"hidden_dim: expected a multiple of num_heads, got {saved['hidden_dim']}")


def _check_image_backbone(saved: dict[str, Any]) -> None:
    if saved["size"] < 1:
        raise ValueError(f"size: expected 1 or more, got {saved['size']}")
    for name in ("scale", "offset"):
        if [type(number) for number in saved[name]] != [float] * 3:
            raise ValueError(f"{name}: expected 3 numbers with a decimal point")
    for name, value in saved["arguments"].items():
        if not _is_plain(value):
            raise ValueError(f"arguments: {name}: expected a string, number, boolean, null or lists of them")


def _is_plain(value: Any) -> bool:
    """Return whether a value holds no objects, from which Keras would build layers and functions."""
    return all(map(_is_plain, value)) if isinstance(value, list) else not isinstance(value, dict)
