"""Loading presets of KerasHub: fails at once where there is no connection, and in one line."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import getproxies

import requests
from huggingface_hub import constants

# Not public, but the only way to know where a preset comes from without downloading it.
from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS

from kmlc.arguments import nearest
from kmlc.errors import UserError

_KAGGLE, _HUGGING_FACE = "kaggle://", "hf://"
_PAGES = {_KAGGLE: "https://www.kaggle.com/models/", _HUGGING_FACE: "https://huggingface.co/"}
"""Where what a preset's name stands for can be downloaded."""
_SECONDS = 3.0
"""How long to wait for a connection to Hugging Face."""


@contextmanager
def loading(setting: str, preset: str, expected: str) -> Iterator[None]:
    """Say in one line why a preset could not be loaded in the block, and what to pass instead.

    Without a connection it is loaded from the cache of an earlier download, or fails at once.

    Args:
        setting: the setting that names the preset.
        preset: its name or folder.
        expected: what to pass in the place of a folder.

    Raises:
        UserError: with any error of the block.
    """
    was = constants.HF_HUB_OFFLINE
    try:
        _check_known(preset)
        if preset.startswith(_HUGGING_FACE) and not _reaches_hugging_face():
            # Its client would try for 24 seconds.
            constants.HF_HUB_OFFLINE = True
        yield
    except UserError:
        raise
    except Exception as error:  # many kinds, from a refused connection to a missing file
        page, reason = _page(preset), " ".join(str(error).split())[:160]
        if isinstance(error, KeyError):
            reason = f"it has no {reason}"
        if isinstance(error, requests.ConnectionError) or (page and constants.HF_HUB_OFFLINE):
            reason = "no connection"
        advice = f"download the files of {page} and pass their folder" if page else f"pass {expected}"
        raise UserError(f"{setting}: {preset!r} could not be loaded ({reason}); {advice}") from None
    finally:
        constants.HF_HUB_OFFLINE = was


def _check_known(preset: str) -> None:
    """Raise a `ValueError` for what is neither a folder, nor a preset of KerasHub, nor the name of a page."""
    if "://" not in preset and preset not in BUILTIN_PRESETS and not Path(preset).is_dir():
        raise ValueError(f"no such folder or KerasHub preset{nearest(preset, list(BUILTIN_PRESETS))}")


def _page(preset: str) -> str | None:
    """Return the page from which a preset can be downloaded by hand; None for a folder."""
    handle = BUILTIN_PRESETS.get(preset, {}).get("kaggle_handle", preset)
    pages = [page + handle.removeprefix(each) for each, page in _PAGES.items() if handle.startswith(each)]
    return pages[0] if pages else None


def _reaches_hugging_face() -> bool:
    if constants.HF_HUB_OFFLINE or getproxies():  # through a proxy only the client itself connects
        return True
    address = urlparse(constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), _SECONDS).close()
    except OSError:
        return False
    return True
