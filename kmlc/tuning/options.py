"""How a study is trained: all that its metrics do not depend on."""

from dataclasses import dataclass
from typing import Literal

Cache = Literal["disk", "memory", "off"]


@dataclass(frozen=True)
class Options:
    """What `tune.py` was told beside what to search.

    Attributes:
        workers: processes on this machine, each with its share of the cores.
        chief: HOST:PORT to wait at for workers on other machines, None for none.
        keep: how many of the best trials keep their weights.
        share: whether a trial goes on from one that differs from it in fewer epochs alone.
        cache: where decoded pixels are kept for the trials that read the same: on disk, in the study; in
            memory, on a file system of Linux's; or nowhere.
        cache_gb: most gigabytes of them.
    """

    workers: int = 1
    chief: str | None = None
    keep: int = 1
    share: bool = True
    cache: Cache = "disk"
    cache_gb: float = 4.0

    def flags(self) -> list[str]:
        """Return the words that tell a worker the same."""
        share = [] if self.share else ["--no-share"]
        return [f"--keep={self.keep}", f"--cache={self.cache}", f"--cache-gb={self.cache_gb}", *share]
