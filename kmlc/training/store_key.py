"""The key of a store of what frozen layers computed: all that is known to change the values."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kmlc.config import CaptionsConfig, Config, TowerConfig
from kmlc.data.batches import VERSION
from kmlc.data.encoder_state import EncoderState
from kmlc.models.boundary import BATCH, FrozenPart
from kmlc.training import environment

_PACKAGES = ("tensorflow", "tensorflow-text", "keras", "keras-hub", "pillow", "simplejpeg", "cykooz-resizer")


def store_key(part: FrozenPart, config: Config, state: EncoderState) -> str:
    """Return the hash of all that is known to change a frozen part's values, but the row and its view."""
    weights = hashlib.sha256()
    for weight in part.model.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        weights.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    if part.modality == "image":
        own: Any = _settings_of(config.tower, ("name", "pooling", "sequence", "norm", "feedforward_dim"))
        own |= {"size": config.images.size}
        if state.image_backbone is not None:
            own |= {"backbone": asdict(state.image_backbone)}
    else:
        own = _settings_of(config.captions, ("encoder", "pooling", "sequence_length", "heads"))
        of_captions = replace(state, feature_means=(), feature_deviations=(), image_backbone=None)
        own |= {"state": asdict(of_captions)}
    parts = {
        "version": VERSION,
        "modality": part.modality,
        "settings": own,
        "layer": part.layer,
        "batch": BATCH,
        "weights": weights.hexdigest(),
        "precision": environment.precision(config.train),
        "xla": environment.use_xla(config.train),
        "packages": {name: _version(name) for name in sorted({*_PACKAGES, keras.backend.backend()})},
        "backend": keras.backend.backend(),
        "gpu": environment.has_gpu(),
        "machine": [platform.platform(), _processor(), os.environ.get("TF_ENABLE_ONEDNN_OPTS")],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _processor() -> str:
    """Return the lines that name the processor and what it can do, which rounding depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def _settings_of(config: TowerConfig | CaptionsConfig, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(config, name) for name in names}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # cykooz-resizer, on Linux arm64
        return None
