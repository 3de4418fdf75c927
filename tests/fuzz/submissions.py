"""The submission of a prediction, read back and compared with the rows of its table."""

import csv
from collections.abc import Sequence

from tests.fuzz.harness import Finding, Outcome, Sandbox


def read_submission(sandbox: Sandbox, name: str = "s.csv") -> list[list[str]]:
    """Return the header and the rows of a submission in the current folder of the commands."""
    with (sandbox.work / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, strict=True))


def check_submission(sandbox: Sandbox, outcome: Outcome, names: Sequence[str]) -> None:
    """Check that every row is in the submission once and in order.

    Raises:
        Finding: if it is not, or the command refused.
    """
    if outcome.code != 0:
        raise Finding("lost rows", "refused", outcome.err)
    found = [row[0] for row in read_submission(sandbox)[1:]]
    if found != list(names):
        raise Finding("lost rows", "other rows", f"expected {names}\ngot {found}")
