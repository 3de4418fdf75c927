"""How a study is trained: the options that its metrics do not depend on."""

from dataclasses import dataclass
from typing import Literal

Cache = Literal["disk", "memory", "off"]
EngineName = Literal["inline", "processes", "ray"]


@dataclass(frozen=True)
class Options:
    """How the trials of a study are trained.

    Attributes:
        engine: where trials are trained; None is inline for one worker, else processes.
        workers: trials at a time; None is one, or with Ray as many as fit into the cluster.
        address: the Ray cluster.
        cpus: CPUs of a trial on Ray.
        gpus: GPUs of a trial on Ray, such as 0.5.
        keep: how many of the best trials keep their weights.
        share: whether a trial continues one that differs from it in fewer epochs alone; none does with
            `train.schedule: cosine`.
        cache: where decoded pixels are kept for the trials that read the same images: on disk, in the study;
            in memory, on Linux's file system there; or nowhere.
        cache_gb: maximum size of the cache, in gigabytes.
    """

    engine: EngineName | None = None
    workers: int | None = None
    address: str = "auto"
    cpus: float = 1.0
    gpus: float = 0.0
    keep: int = 1
    share: bool = True
    cache: Cache = "disk"
    cache_gb: float = 4.0
