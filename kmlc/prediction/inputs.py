"""Images and captions from a caller of the library, as checked records."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from PIL import Image

from kmlc.config import Config
from kmlc.data.columns import RowView, strings
from kmlc.data.image_facts import NO_IMAGE
from kmlc.data.image_manifest import image_facts
from kmlc.data.images import encode
from kmlc.data.records import Records, unknown_labels
from kmlc.errors import UserError
from kmlc.markdown import counted

OneImage: TypeAlias = str | PathLike[str] | bytes | Image.Image
Images: TypeAlias = OneImage | Iterable[OneImage | None] | np.ndarray | None
Captions: TypeAlias = str | Iterable[str | None] | None


def records_of(images: Images, captions: Captions, config: Config) -> Records:
    """Return a record for each row of images and captions.

    Args:
        images: paths, bytes or Pillow images, None for a row without one; feature vectors if the run takes
            them. A single one is one row; None is no images at all.
        captions: strings, None for a row without one. A single one is one row; None is no captions at all.
        config: the settings of the run; images that it does not use are not read.

    Raises:
        UserError: if there are no rows, the lengths differ, a value has another type, or an image cannot be
            read.

    Example:
        records_of(["bus.jpg", None], ["A red bus.", "A man rides a bike."], config)
    """
    features = None
    if config.tower.input == "features" and images is not None:
        features = images = _features(images)
    single = isinstance(images, str | PathLike | bytes | Image.Image)
    image_rows = _listed(images, single, "images", "paths, bytes or Pillow images")
    caption_rows = _listed(captions, isinstance(captions, str), "captions", "strings")
    if image_rows is not None and caption_rows is not None and len(image_rows) != len(caption_rows):
        got = f"{counted(len(image_rows), 'image')} and {counted(len(caption_rows), 'caption')}"
        raise UserError(f"expected a caption for each image, None where there is none; got {got}")
    rows = len(image_rows or caption_rows or [])
    if not rows:
        raise UserError("expected at least one image or caption; got none")
    if image_rows is None or config.tower.input != "image":
        image_rows = [None] * rows
    names = [_name(row, image) for row, image in enumerate(image_rows)]
    if single:
        names = [(str(images) if _is_path(images) else "") or "image"]
    contents, facts = _checked(image_rows, names, config)
    return Records(
        strings(map(str, range(rows))),
        contents,
        strings(_caption(row, caption) for row, caption in enumerate(caption_rows or [None] * rows)),
        unknown_labels(rows),
        None if features is None else RowView(features, np.arange(rows)),
        facts,
    )


def _features(vectors: Any) -> np.ndarray:
    """Return feature vectors as float32 of shape (rows, features)."""
    try:
        features = np.atleast_2d(np.asarray(vectors, np.float32))
    except (TypeError, ValueError):
        raise UserError("images: expected feature vectors, as the run takes; got something else") from None
    if features.ndim != 2 or not np.isfinite(features).all():
        got = f"shape {features.shape}" if features.ndim != 2 else "infinity or not a number"
        raise UserError(f"images: expected finite feature vectors of shape (rows, features); got {got}")
    return features


def _listed(values: Any, single: bool, name: str, expected: str) -> list[Any] | None:
    """Return the rows, None for no rows at all."""
    if values is None or single:
        return None if values is None else [values]
    try:
        return list(values)
    except TypeError:
        raise UserError(f"{name}: expected {expected}; got {type(values).__name__}") from None


def _name(row: int, image: Any) -> str:
    return f"images[{row}] ({image})" if _is_path(image) else f"images[{row}]"


def _checked(images: Sequence[Any], names: Sequence[str], config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return each image as its path or as bytes, "" for none, and its facts."""
    limit = config.images.max_pixels
    contents = [_content(image, name, limit) for image, name in zip(images, names, strict=True)]
    rows = [row for row, content in enumerate(contents) if content != ""]
    facts = np.full(len(contents), NO_IMAGE)
    facts[rows] = image_facts([contents[row] for row in rows], config)
    for row, problem in enumerate(facts["problem"]):
        if problem is not None:
            raise _unreadable(names[row], problem, limit)
    return np.array(contents, object), facts


def _content(image: Any, name: str, max_pixels: int) -> str | bytes:
    if _missing(image):
        return ""
    if isinstance(image, bytes):
        return image
    if _is_path(image):
        if not _is_unicode(str(Path(image))):
            raise UserError(f"{name!a}: expected a path in Unicode")
        if not str(image):  # `Path` makes it the current folder
            raise _unreadable(name, "missing", max_pixels)
        return str(Path(image))
    if not isinstance(image, Image.Image):
        raise UserError(f"{name}: expected a path, bytes or a Pillow image; got {type(image).__name__}")
    # The size first: Pillow has not decoded a file that it opened.
    if image.width * image.height > max_pixels:
        raise _unreadable(name, "oversized", max_pixels)
    try:
        return encode(image)
    except (OSError, ValueError, SyntaxError):
        raise _unreadable(name, "corrupt", max_pixels) from None


def _is_path(image: Any) -> bool:
    return isinstance(image, str | PathLike)


def _unreadable(name: str, problem: str, max_pixels: int) -> UserError:
    expected = "a JPEG, PNG, WebP, BMP or GIF image"
    if problem == "oversized":
        expected = f"{max_pixels:,} pixels or fewer (images.max_pixels)"
    return UserError(f"{name}: {problem}; expected {expected}")


def _caption(row: int, caption: Any) -> str:
    if _missing(caption):
        return ""
    if not isinstance(caption, str):
        raise UserError(f"captions[{row}]: expected a string or None; got {type(caption).__name__}")
    if not _is_unicode(caption):
        raise UserError(f"captions[{row}]: expected Unicode text; got {caption!r}")
    return caption.strip()  # as in a table


def _is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode a string: it has no lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _missing(value: Any) -> bool:
    """Return whether a value is None, or what pandas has in its place: NaN, NA or NaT."""
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))
