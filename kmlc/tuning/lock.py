"""One command at a time on a study."""

from collections.abc import Iterator
from contextlib import contextmanager

from kmlc.errors import UserError
from kmlc.tuning.study import Study

try:
    import fcntl
except ImportError:  # neither Linux nor macOS
    fcntl = None  # type: ignore[assignment]


@contextmanager
def only_command(study: Study) -> Iterator[None]:
    """Keep other commands off a study while the block runs; the system ends the lock with the process.

    A system or a disk that has no such locks goes without.

    Raises:
        UserError: if another command works on the study.
    """
    with (study.path / ".lock").open("w") as lock:
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{study.path}: another command works on this study") from None
        except OSError:
            pass
        yield
