"""Frozen layers computed once: the model is split at the boundary, and the values there are kept in a cache.

The values of a row are the same, bit for bit, whether they are read from the cache or computed: always in
batches of the same size, the last one padded. A run with another cache, or with none, is the same run.
"""

import functools
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from kmlc.config import Config
from kmlc.data.batches import evaluation_batches
from kmlc.data.boundary_values import BoundaryValues, ComputedValues, StoredValues
from kmlc.data.caches.arrays import KEY_BYTES, ArrayStore, open_store
from kmlc.data.caption_encoders import NO_CAPTIONS, CaptionEncoder
from kmlc.data.columns import strings
from kmlc.data.encoder_state import EncoderState
from kmlc.data.records import Records, joined, unknown_labels
from kmlc.errors import UserError
from kmlc.files import cache_folder
from kmlc.models.boundary import BATCH, FrozenPart, split
from kmlc.progress import ProgressBar
from kmlc.training import environment
from kmlc.training.image_views import varies
from kmlc.training.predict_batches import trace_prediction
from kmlc.training.store_key import store_key

_RESERVE = 1e9
"""Bytes of a disk that the cache leaves free."""
_EMPTY = Records(strings([""]), strings([""]), strings([""]), unknown_labels(1))
"""A row without image and caption: the placeholder image and the empty caption."""


@dataclass(frozen=True)
class SplitModel:
    """A model, split into frozen parts and the rest.

    Attributes:
        parts: what is frozen; not an image tower whose images are new in every epoch.
        rest: the model that is trained, or predicts, given the values of the parts.
        config: the settings.
        state: the encoder state.
    """

    parts: Sequence[FrozenPart]
    rest: keras.Model
    config: Config
    state: EncoderState

    @functools.cached_property
    def computed(self) -> BoundaryValues:
        """The values as functions, which compute them in each batch."""
        return {part.modality: _computed(part, self.config) for part in self.parts}

    def values_to_time(self, records: Records, splits: Mapping[str, Records]) -> BoundaryValues:
        """Return values of some rows with which a step takes as long as in training.

        They are zeros, or computed in each batch where those of all splits take more than `cache.gigabytes`.
        """
        found: dict[str, StoredValues | ComputedValues] = {}
        for part in self.parts:
            shape, dtype = _shape_and_dtype(part)
            views = self.config.cached_views if part.modality == "image" else 1
            rows = sum(map(len, splits.values())) + (views - 1) * len(splits["training"])
            if rows * np.prod(shape) * dtype.itemsize > self.config.cache.gigabytes * 1e9:
                found[part.modality] = _computed(part, self.config)
                continue
            places, zeros = np.zeros((views, len(records) + 1), np.int64), np.zeros((1, *shape), dtype)
            found[part.modality] = StoredValues(part.modality, part.name, zeros, places)
        return found

    def values(self, splits: Mapping[str, Records], encode: CaptionEncoder) -> dict[str, BoundaryValues]:
        """Return the values of the rows of each split, those of `training` with all views of `cache.views`.

        They are computed now if the cache lacks them. Where it cannot hold them, a line says so, and they are
        computed in each batch.
        """
        found: dict[str, dict[str, StoredValues | ComputedValues]] = {name: {} for name in splits}
        for part in self.parts:
            rows = _Rows(part, self, splits, encode)
            places, values = rows.stored()
            for name in splits:
                found[name][part.modality] = (
                    _computed(part, self.config)
                    if values is None
                    else StoredValues(part.modality, part.name, values, places[name])
                )
        return dict(found)


def split_model(model: keras.Model, config: Config, state: EncoderState) -> SplitModel:
    """Split a model where its settings allow it, and compile the rest.

    The images of training vary from epoch to epoch where augmentation is on, unless `cache.views` limits it;
    then an image tower is not split off.

    Args:
        model: with its weights; compiled if it is to be trained.
        config: its settings.
        state: its encoder state.

    Raises:
        UserError: if more than one tensor crosses the boundary.
    """
    modalities = ["caption"] if varies(config) else ["image", "caption"]
    parts, rest = split(model, modalities)
    xla = environment.use_xla(config.train)
    for part in parts:
        part.model.jit_compile = xla
    if rest is not model:
        if model.compiled:
            rest.compile(model.optimizer, model.loss)
        rest.jit_compile = xla
    return SplitModel(parts, rest, config, state)


def _computed(part: FrozenPart, config: Config) -> ComputedValues:
    shape, dtype = _shape_and_dtype(part)
    length = config.captions.sequence_length

    def compute(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return _compute(part, inputs, length)

    # Traced here and not by the threads of tf.data, which compute batches at the same time.
    inputs = {
        name: tf.TensorSpec(
            (BATCH, *(size or length for size in each.shape[1:])), tf.uint8 if name == "image" else each.dtype
        )
        for name, each in part.model.input.items()
    }
    trace_prediction(part.model, (inputs,))
    return ComputedValues(part.modality, part.name, list(part.model.input), compute, shape, dtype)


def _compute(part: FrozenPart, inputs: Mapping[str, np.ndarray], length: int) -> np.ndarray:
    """Return the values of a batch, computed in batches of one size: others round differently.

    Captions are padded to `length` tokens; a batch may be shorter.
    """
    names = list(part.model.input)
    rows = len(inputs[names[0]])
    values = []
    for start in range(0, rows, BATCH):
        batch = {name: inputs[name][start : start + BATCH] for name in names}
        missing = BATCH - len(batch[names[0]])
        sides = {name: [(0, missing)] + [(0, 0)] * (each.ndim - 1) for name, each in batch.items()}
        batch = {name: np.pad(each, sides[name], "edge") for name, each in batch.items()}
        if part.modality == "caption":
            batch = {
                name: np.pad(each, [(0, 0), (0, length - each.shape[1])]) for name, each in batch.items()
            }
        values.append(np.asarray(part.model.predict_on_batch(batch)))
    return np.concatenate(values)[:rows]


def _shape_and_dtype(part: FrozenPart) -> tuple[tuple[int, ...], np.dtype]:
    return tuple(part.model.output.shape[1:]), np.dtype(part.model.output.dtype)


class _Rows:
    """The rows of all splits, for one part."""

    def __init__(
        self, part: FrozenPart, model: SplitModel, splits: Mapping[str, Records], encode: CaptionEncoder
    ) -> None:
        self.part, self.encode = part, encode
        self.is_image = part.modality == "image"
        config = model.config
        self.config = replace(
            config,
            captions=replace(config.captions, encoder="none") if self.is_image else config.captions,
            tower=config.tower if self.is_image else replace(config.tower, name="none"),
            fusion=replace(config.fusion, modality_dropout=0.0),
            train=replace(config.train, batch_size=BATCH),
        )
        if self.is_image:
            self.encode = NO_CAPTIONS
        self.key = store_key(part, config, model.state)
        self.name = config.tower.title if self.is_image else config.captions.encoder
        self.views = config.cached_views if self.is_image else 1
        self.splits, self.records = splits, joined([*splits.values(), _EMPTY])
        self.unit = ("views of images" if self.views > 1 else "images") if self.is_image else "captions"

    def stored(self) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Return the places of each split's rows, and all values.

        If no cache can have them, these are None, and a line says why.
        """
        config = self.config.cache
        try:
            if not config.gigabytes:
                raise UserError("cache.gigabytes is 0")
            unknown = (self.records.images != "") & (self.records.sha256 == b"")
            if self.is_image and unknown.any():
                raise UserError("the rows have no hashes of their images")
            folder = cache_folder(config.folder) / "frozen"
            with open_store(folder / self.key, *_shape_and_dtype(self.part)) as store:
                self._fill(store, int(config.gigabytes * 1e9))
                return self._places(store), store.values
        except (OSError, UserError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
        print(f"{self.name}: {self.unit} are computed in every epoch: {reason}", flush=True)
        return {}, None

    def _fill(self, store: ArrayStore, limit: int) -> None:
        """Compute what the store lacks.

        Raises:
            UserError: if there is no room for it.
            OSError: if it cannot be written.
        """
        wanted = list(dict.fromkeys(key for keys in self.row_keys for key in keys))
        missing = {key for key, place in zip(wanted, store.places(wanted), strict=True) if place < 0}
        if not missing:
            print(f"{self.name}: {len(wanted):,} {self.unit} read from the cache", flush=True)
            return
        size = len(wanted) * store.array_bytes / 1e9
        free = shutil.disk_usage(store.folder).free - _RESERVE
        if len(missing) * store.array_bytes > free:
            raise UserError(
                f"all take {size:.1f} GB; the disk of {store.folder} has room for {max(free, 0) / 1e9:.1f} "
                f"({_RESERVE / 1e9:.0f} GB stays free)"
            )
        if not store.make_room(len(missing), len(wanted), limit):
            raise UserError(f"all take {size:.1f} GB, cache.gigabytes is {limit / 1e9:g}")
        missing = {key for key, place in zip(wanted, store.places(wanted), strict=True) if place < 0}
        print(
            f"{self.name}: computing {len(missing):,} of {len(wanted):,} {self.unit} once; "
            f"kept in {store.folder} ({size:.1f} GB)",
            flush=True,
        )
        with ProgressBar(len(missing), f"{self.name}:", unit=self.unit) as bar:
            for view, keys in enumerate(self.row_keys):
                rows = {key: row for row, key in enumerate(keys) if key in missing}
                missing -= rows.keys()
                if rows:
                    self._compute(store, view, rows, bar)

    def _compute(self, store: ArrayStore, view: int, rows: Mapping[bytes, int], bar: ProgressBar) -> None:
        keys, some = list(rows), self.records.take(list(rows.values()))
        batches = evaluation_batches(some, self.config, self.encode, cached_view=view)
        for number, inputs in enumerate(batches.as_numpy_iterator()):
            values = _compute(self.part, inputs, self.config.captions.sequence_length)
            store.append(keys[number * BATCH :][: len(values)], values)
            bar.update(len(values))

    @functools.cached_property
    def row_keys(self) -> list[list[bytes]]:
        """The key of each row in each view."""
        return [self._keys(view) for view in range(self.views)]

    def _keys(self, view: int) -> list[bytes]:
        """Return the key of each row; only training rows have other views than the first."""
        if not self.is_image:
            texts = [caption if caption.strip() else "" for caption in self.records.captions]
            return [_hash(text.encode()) for text in texts]
        augmentation = replace(self.config.images, max_pixels=1, anywhere=False)
        augmented = np.zeros(len(self.records), bool)
        start = 0
        for name, records in self.splits.items():
            augmented[start : start + len(records)] = name == "training"
            start += len(records)
        return [
            _hash(f"{sha256.decode()} {view} {augmentation}".encode() if own and sha256 and view else sha256)
            for sha256, own in zip(self.records.sha256.tolist(), augmented, strict=True)
        ]

    def _places(self, store: ArrayStore) -> dict[str, np.ndarray]:
        all_views = np.stack([store.places(keys) for keys in self.row_keys])
        places, start = {}, 0
        for name, records in self.splits.items():
            columns = [*range(start, start + len(records)), len(self.records) - 1]
            places[name] = all_views[:, columns]
            start += len(records)
        return places


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=KEY_BYTES).digest()
