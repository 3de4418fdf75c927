"""The rows of a study: read and checked once, their pixels decoded once."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from kmlc.config import Config
from kmlc.data.pixel_cache import cached
from kmlc.data.records import LabelledData
from kmlc.tasks.registry import task_type
from kmlc.tasks.rows import read_labelled
from kmlc.tuning.fraction import fraction_of


class SharedRows:
    """Gives every trial the rows it trains on, those of trials that read the same from memory.

    Args:
        fraction: part of the labelled rows.
        seed: what the part is chosen by, the same for every trial.
        cache: folder for decoded pixels; None decodes anew each time.
        cache_bytes: most bytes in it.
    """

    def __init__(self, fraction: float, seed: int, cache: Path | None, cache_bytes: int) -> None:
        self.fraction, self.seed, self.cache, self.cache_bytes = fraction, seed, cache, cache_bytes
        self._read: dict[str, LabelledData] = {}

    def read(self, config: Config) -> LabelledData:
        """Return the labelled rows of a trial.

        Raises:
            UserError: as `read_labelled`.
        """
        key = _reads(config)
        if key not in self._read:
            data = fraction_of(read_labelled(config), self.fraction, self.seed)
            if self.cache is not None and config.tower.input == "image":
                records = cached(data.records, self.cache, self.cache_bytes)
                data = dataclasses.replace(data, records=records)
            self._read[key] = data
        return self._read[key]


def _reads(config: Config) -> str:
    """Return the settings that reading depends on, as a string."""
    parts: list[Any] = [config.data, config.table, config.labels, *task_type(config).label_settings(config)]
    # The data report notes whether captions are missing.
    parts += [config.images.max_pixels, config.tower.input, config.captions.encoder == "none"]
    return json.dumps(parts, default=dataclasses.asdict)
