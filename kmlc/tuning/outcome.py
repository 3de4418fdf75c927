"""What a worker returns to the driver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        metrics: of a finished trial, the mean over its seeds.
        error: what it failed with, in one line; empty if it did not.
        ends_search: whether no other trial could be trained either, as with a full disk.
        details: the traceback of an error that came before the trial itself.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    ends_search: bool = False
    details: str = ""


Work = Callable[[], Outcome]
"""Trains a trial; it can be pickled."""
