"""A few stops of each command; `make chaos` makes hundreds."""

from pathlib import Path

import pytest

from tests.chaos.journey import travel, undisturbed
from tests.chaos.subjects import TRAIN, TUNE, Subject

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("subject", [TRAIN, TUNE], ids=lambda subject: subject.name)
def test_stopped_command_ends_as_undisturbed(subject: Subject, tmp_path: Path) -> None:
    expected, total = undisturbed(subject, tmp_path / "undisturbed")

    journey = travel(subject, tmp_path / "journey", expected, total, f"0-{subject.name}", stops=3)

    assert journey.differences == []
    assert any(ended.disturbance.startswith("stop") for ended in journey.ended)


def test_difference_is_found(tmp_path: Path) -> None:
    expected, total = undisturbed(TRAIN, tmp_path / "undisturbed")
    expected["thresholds.json"] = "another digest"

    journey = travel(TRAIN, tmp_path / "journey", expected, total, "0", stops=0)

    assert journey.differences == ["thresholds.json"]
