"""The manifest of a run: when it started and finished, and the SHA-256 of the files that are read later.

Training writes it last: when a run starts, after the files that resuming needs; when it finishes, after those
that prediction and reports need. A directory with a manifest is a run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from kmlc.errors import UserError
from kmlc.files import read_json, sha256, write_json

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a manifest says.

    Attributes:
        started: when the run started, in ISO 8601 and UTC, to the microsecond. A run that continues another
            one has that one's time.
        finished: when it finished; None if it has not.
        files: the SHA-256 of each file, in hexadecimal, by its name in the run directory.
    """

    started: str
    finished: str | None
    files: Mapping[str, str]


def now() -> str:
    """Return the time as a manifest holds it; times sort as strings."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def write_manifest(folder: Path, names: Iterable[str], started: str, finished: str | None = None) -> None:
    """Write the manifest of a run.

    Args:
        folder: the run directory.
        names: its files; those that do not exist are not listed.
        started: when the run started.
        finished: when it finished; None if it has not.
    """
    write_json(folder / NAME, asdict(Manifest(started, finished, _hashes(folder, names))))


def _hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: sha256(folder / name) for name in names if (folder / name).is_file()}


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run.

    Raises:
        UserError: if it is missing or damaged.
    """
    path = folder / NAME
    saved = read_json(path, dict)
    try:
        manifest = Manifest(**saved)
        for time in {manifest.started, manifest.finished or manifest.started}:
            if datetime.fromisoformat(time).isoformat(timespec="microseconds") != time:
                raise ValueError("expected times as kmlc writes them")
        if not all(isinstance(sha, str) for sha in manifest.files.values()):
            raise ValueError("files: expected strings")
    except (ValueError, TypeError, AttributeError) as error:  # values of another type, unknown keys
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: damaged; expected the list of a run's files ({reason})") from None
    return manifest


def verified(path: Path) -> Path:
    """Return the path of a file in a run directory, if its content is what the run wrote.

    Whoever reads a file of a run reads it through this check.

    Raises:
        UserError: if the manifest or the file is missing, damaged or not readable.

    Example:
        thresholds = read_json(verified(run.thresholds))
    """
    manifest = read_manifest(path.parent)
    if not path.is_file():
        raise UserError(f"{path}: missing; expected the file that training wrote")
    try:
        found = sha256(path)
    except OSError as error:
        raise UserError(f"{path}: could not be read: {error.strerror}") from None
    if found != manifest.files.get(path.name):
        raise UserError(
            f"{path}: changed since training wrote it (its sha256 is not the one in {NAME}); "
            "put the file back, or train again"
        )
    return path
