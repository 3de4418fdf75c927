"""The rows of a study: read and checked once, their pixels decoded once."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmlc.config import Config
from kmlc.data.caches.pixels import cached
from kmlc.data.fraction import fraction_of
from kmlc.data.records import LabelledData
from kmlc.tasks.registry import task_type
from kmlc.tasks.rows import read_labelled


@dataclass(frozen=True)
class SharedRows:
    """The labelled rows of a study. Each process reads them once for all trials that read the same.

    Attributes:
        fraction: the fraction of the labelled rows.
        seed: chooses them, the same ones for every trial.
        cache: folder for decoded pixels; None decodes anew each time.
        cache_bytes: maximum size of the cache.
    """

    fraction: float
    seed: int
    cache: Path | None
    cache_bytes: int

    def read(self, config: Config) -> LabelledData:
        """Return the labelled rows of a trial.

        Raises:
            UserError: as `read_labelled`.
        """
        key = (self, _reads(config))
        if key not in _READ:
            data = fraction_of(read_labelled(config), self.fraction, self.seed)
            if self.cache is not None and config.tower.input == "image":
                records = cached(data.records, self.cache, self.cache_bytes)
                data = dataclasses.replace(data, records=records)
            _READ[key] = data
        return _READ[key]


_READ: dict[tuple[SharedRows, str], LabelledData] = {}


def forget_rows() -> None:
    """Forget the rows of all studies: another one may find other files."""
    _READ.clear()


def _reads(config: Config) -> str:
    """Return the settings that reading depends on, as a string."""
    items: list[Any] = [config.data, config.table, config.labels, *task_type(config).label_settings(config)]
    # The data report notes whether captions are missing.
    items += [config.images.max_pixels, config.tower.input, config.captions.encoder == "none"]
    return json.dumps(items, default=dataclasses.asdict)
